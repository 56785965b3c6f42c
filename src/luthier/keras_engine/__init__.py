"""Training by TensorFlow: a model's twin in Keras, whose weights are copied back into the model.

`engine.py` is what the training loop talks to; `twin.py` pairs the weights; `families/` has one
file for each family of models.
"""

FAMILIES = "families-of-tensorflow"  # their kind in the catalogue
