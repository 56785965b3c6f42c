"""`gradient-x-input`: the gradient at the text itself, times each word's vector.

Shrikumar et al. 2016, "Not just a black box". One pass, and often hardly better than words drawn at
random (docs/explain.md): kept because other tools draw it, and to be compared with.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.explanation import Attribution, Reader
from luthier.recipe.tree import NoOptions, Section


class GradientXInput:
    """The gradient times each word's vector; quick, and often no better than chance."""

    name: ClassVar[str] = "gradient-x-input"
    needs_gradients: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = NoOptions

    def __init__(self, options: NoOptions):
        self.options = options

    def explain(self, reader: Reader) -> Attribution:
        """Take the slope at the text, away from vectors of zeros."""
        scores, slopes = reader.slopes(np.ones(1), from_zero=True)
        return Attribution(slopes[0], float(scores[0]), n_passes=1)
