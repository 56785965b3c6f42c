"""`pair-classification`: two texts, one label (inference, paraphrase, relevance)."""

from __future__ import annotations

from typing import ClassVar

from luthier.framing.sequences import FIRST, SECOND
from luthier.framing.single_label import SingleLabel
from luthier.protocols import Column
from luthier.records import Rows


class PairClassification(SingleLabel):
    """Two texts, one label: inference, paraphrase, relevance."""

    name: ClassVar[str] = "pair-classification"
    columns: ClassVar[tuple[Column, ...]] = (
        FIRST,
        SECOND,
        Column("label", "label", ("label", "gold_label", "relation", "is_duplicate", "class")),
    )
    baselines: ClassVar[tuple[str, ...]] = (
        "majority",
        "word-overlap",
        "tfidf-linear",
        "frozen-encoder",
        "from-scratch",
    )

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 pairs that speak of the same animal or of two."""
        animals = ("cat", "dog", "horse", "crow", "trout", "bee", "fox", "hare")
        columns: dict[str, list[str]] = {"text": [], "text_pair": [], "label": []}
        for n in range(80):
            first = animals[n % 8]
            second = first if n // 8 % 2 == 0 else animals[(n + 1 + n // 16) % 8]
            columns["text"].append(f"Number {n} saw a {first}.")
            columns["text_pair"].append(f"There was a {second} outside.")
            columns["label"].append("same" if first == second else "different")
        return Rows.of(columns, name="toy")
