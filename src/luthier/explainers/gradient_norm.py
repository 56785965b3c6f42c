"""`gradient-norm`: how steeply the decision changes with each word's vector.

Simonyan, Vedaldi & Zisserman 2014, "Deep inside convolutional networks", section 3. It has no sign,
and it hardly changes if the model's head is replaced by random weights (Adebayo et al. 2018,
"Sanity checks for saliency maps"): kept as the example of a map that a check finds wanting.
"""

from __future__ import annotations

from typing import ClassVar

from luthier.explanation import Attribution, Reader
from luthier.recipe.tree import NoOptions, Section


class GradientNorm:
    """The length of each word's gradient, without a sign; says little about the label."""

    name: ClassVar[str] = "gradient-norm"
    needs_gradients: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = NoOptions

    def __init__(self, options: NoOptions):
        self.options = options

    def explain(self, reader: Reader) -> Attribution:
        """Take the norm of the gradient of every word."""
        score, norms = reader.norms()
        return Attribution(norms, score, n_passes=1)
