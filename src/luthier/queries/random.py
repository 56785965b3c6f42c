"""`random`: rows as they come, which every strategy has to beat.

Not all do: Ghose & Nguyen 2024, "On the fragility of active learners for text classification"
(https://arxiv.org/abs/2403.15744).
"""

from __future__ import annotations

from typing import ClassVar

from luthier.protocols import KINDS
from luthier.query import Decided
from luthier.ragged import Array
from luthier.recipe.tree import NoOptions, Section
from luthier.seeding import stream


class Random:
    """Rows drawn at random: what every other strategy has to beat."""

    name: ClassVar[str] = "random"
    kinds: ClassVar[frozenset[str]] = KINDS
    needs_model: ClassVar[bool] = False
    Options: ClassVar[type[Section]] = NoOptions

    def __init__(self, options: NoOptions):
        self.options = options

    def choose(
        self, probabilities: Decided | None, states: Array, labelled: Array, n: int, seed: int
    ) -> Array:
        """Draw rows, each with the same chance."""
        return stream(seed, self.name).permutation(len(states))[:n]
