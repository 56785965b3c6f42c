"""`choices`: cells that are lists of texts, each of which is read beside the row's other texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from luthier.columns import Encoding, Limits, Shown
from luthier.hf_types import Tokenizer
from luthier.inputs.text import token_fields
from luthier.text.tokenize import tokenize


class Choices:
    """A text with each of its choices: one item per choice, in the order of the rows."""

    name: ClassVar[str] = "choices"
    is_text: ClassVar[bool] = False
    has_words: ClassVar[bool] = True

    def load_processor(self, model: str, **options: Any) -> Tokenizer:
        """Load the model's tokenizer."""
        from luthier.models.load import load_tokenizer

        return load_tokenizer(model, **options)

    def encode(
        self, columns: Sequence[Sequence[Any]], processor: Tokenizer, limits: Limits
    ) -> Encoding:
        """Tokenize the text of the first column with each choice of the second."""
        texts, choices = columns
        counts = np.array([len(cell) for cell in choices], dtype=np.int64)
        firsts = np.repeat(np.array(list(texts), dtype=object), counts).tolist()
        seconds = [str(choice) for cell in choices for choice in cell]
        ids, full = tokenize(processor, firsts, seconds, max_tokens=limits.max_tokens)
        cost = ids["input_ids"].lengths
        borders = list(pairwise(np.concatenate([[0], np.cumsum(counts)])))
        return Encoding(
            token_fields(ids, processor),
            cost,
            np.array([full[a:b].max(initial=1) for a, b in borders], dtype=np.int64),
            np.array([cost[a:b].max(initial=1) for a, b in borders], dtype=np.int64),
            np.repeat(np.arange(len(counts)), counts),
        )

    def show(self, cell: Sequence[object]) -> Shown:
        """Show the choices as a list."""
        return Shown("list", [str(one) for one in cell])
