"""`occlusion`: each word is replaced in turn, and what the decision loses is the word's value.

Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", section 3, for words
(Li, Monroe & Jurafsky 2016, "Understanding neural networks through representation erasure"). It
asks the model for answers alone, so it explains every model. Values need not add up: of two words
that say the same, neither is missed.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.explanation import Attribution, Reader
from luthier.recipe.tree import NoOptions, Section


class Occlusion:
    """What the decision loses without each word in turn; works for every model."""

    name: ClassVar[str] = "occlusion"
    needs_gradients: ClassVar[bool] = False
    Options: ClassVar[type[Section]] = NoOptions

    def __init__(self, options: NoOptions):
        self.options = options

    def explain(self, reader: Reader) -> Attribution:
        """Replace each word in turn."""
        n_words = reader.n_words
        without = np.eye(n_words + 1, n_words, k=-1, dtype=bool)  # the first row keeps all words
        scores = reader.scores(without)
        return Attribution(scores[0] - scores[1:], float(scores[0]), n_passes=n_words + 1)
