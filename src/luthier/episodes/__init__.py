"""Episodic training: small tasks of a few classes and rows, drawn from one training set.

Read `sampler.py` (which rows), `plan.py` (how many episodes, and what is refused), `learner.py`
(how an episode becomes one item of the training loop), `adaptation.py` (how new classes are learned
from a few rows), `fitting.py` (all of it together, for methods).
"""
