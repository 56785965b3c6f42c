"""`eda`: swaps, deletes and repeats words of a text, without a list of synonyms.

Wei and Zou 2019, "EDA: Easy data augmentation techniques", section 2,
https://arxiv.org/abs/1901.11196. Deviations: no synonyms, which need a thesaurus of the language;
inserted are words of the text itself; changes are redrawn in every epoch, not once, and some
texts are left as they are.
"""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.job import Augmenter
from luthier.recipe.tree import Section

SPACE = re.compile(r"\s+")


class EdaOptions(Section):
    """How many words change."""

    chance: float = Field(0.5, gt=0, le=1, description="Chance that a text changes in an epoch.")
    swap: float = Field(0.1, ge=0, le=1, description="Pairs of words swapped, per word.")
    delete: float = Field(0.1, ge=0, lt=1, description="Chance of each word to be left out.")
    insert: float = Field(0.1, ge=0, le=1, description="Words repeated elsewhere, per word.")


class Eda(Augmenter):
    """Swap, delete and repeat words at random."""

    name: ClassVar[str] = "eda"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options: ClassVar[type[Section]] = EdaOptions

    def __init__(self, options: EdaOptions):
        self.options = options

    def change(self, text: str, random: np.random.Generator) -> str:
        """Change a text; one of a single word stays as it is.

        >>> one = Eda(EdaOptions(chance=1, swap=0, delete=0, insert=0.2))
        >>> one.change("all is well here now", np.random.default_rng(2))
        'well all is well here now'
        """
        words = SPACE.split(text.strip())
        if len(words) < 2 or random.random() >= self.options.chance:
            return text
        for _ in range(_times(self.options.swap, len(words), random)):
            one, other = random.choice(len(words), 2, replace=False)
            words[one], words[other] = words[other], words[one]
        for _ in range(_times(self.options.insert, len(words), random)):
            word = words[int(random.integers(len(words)))]
            words.insert(int(random.integers(len(words) + 1)), word)
        kept = [word for word in words if random.random() >= self.options.delete]
        return " ".join(kept or words[:1])


def _times(share: float, n_words: int, random: np.random.Generator) -> int:
    """Round a number of changes at random, so that short texts change as often for their length."""
    whole, rest = divmod(share * n_words, 1)
    return int(whole) + int(random.random() < rest)
