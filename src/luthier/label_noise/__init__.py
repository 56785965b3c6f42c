"""Which rows of a recipe are probably labelled wrongly.

    rows ─► folds ─► probabilities by models that did not see the row ─► suspects, the worst first

`find.py` is the door; `out_of_fold.py` has the models, `judge.py` what is compared for each kind of
target. `metrics/label_noise.py` has the method.
"""
