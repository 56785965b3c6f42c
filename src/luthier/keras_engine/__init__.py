"""Training by TensorFlow: a model's twin in Keras, whose weights go back into the model.

`engine.py` is what the loop talks to; `twin.py` says which weight is which; `families/` has a file
for each family of models.
"""

FAMILIES = "families-of-tensorflow"  # their kind in the catalogue
