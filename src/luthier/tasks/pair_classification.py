"""`pair-classification`: two texts, one label (inference, paraphrase, relevance)."""

from __future__ import annotations

from typing import ClassVar

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.single_label import SingleLabel
from luthier.task_types.text_level import FIRST, LEARNED, SECOND


class PairClassification(SingleLabel):
    """Two texts, one label: inference, paraphrase, relevance."""

    name: ClassVar[str] = "pair-classification"
    columns: ClassVar[tuple[Column, ...]] = (
        FIRST,
        SECOND,
        Column("label", "label", ("label", "gold_label", "relation", "is_duplicate", "class")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("majority", "word-overlap", *LEARNED)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 90 questions with replies that agree, disagree or evade."""
        animals = ("cat", "dog", "horse", "crow", "trout", "bee", "fox", "hare", "owl")
        replies = {
            "agrees": ("Yes, it is.", "Of course it is.", "True, you can see that."),
            "disagrees": ("No, it never was.", "That is false.", "Nobody would say so, no."),
            "evades": ("Who knows?", "Ask me another time.", "Is that your question?"),
        }
        columns: dict[str, list[str]] = {"text": [], "text_pair": [], "label": []}
        for n in range(90):
            label = list(replies)[n % 3]
            columns["text"].append(f"Is the {animals[n % 9]} number {n} awake?")
            columns["text_pair"].append(replies[label][n // 3 % 3])
            columns["label"].append(label)
        return Rows.of(columns, name="toy")
