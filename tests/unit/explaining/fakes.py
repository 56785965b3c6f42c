"""A reader whose answers are known: a sum over words, and over pairs of them."""

import numpy as np

from luthier.explanation import Choice, Decision

LABEL = Decision("yes", 0, "logits", (Choice((slice(None),), 0),))


class Sum:
    """Log-odds that are a constant plus what the words that are there bring.

    Deleting words may be another thing than replacing them: `deleted` is what words bring then.
    """

    def __init__(self, brings, *, constant=0.0, deleted=None, together=None):
        self.brings = np.asarray(brings, dtype=float)
        self.deleted = self.brings if deleted is None else np.asarray(deleted, dtype=float)
        self.constant, self.together = constant, together or {}
        self.n_words, self.n_asked = len(self.brings), 0

    def scores(self, without, *, delete=False):
        self.n_asked += len(without)
        there = ~np.asarray(without, dtype=bool)
        both = sum(value * (there[:, a] & there[:, b]) for (a, b), value in self.together.items())
        return self.constant + there @ (self.deleted if delete else self.brings) + both
