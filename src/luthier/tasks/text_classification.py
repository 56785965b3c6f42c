"""`text-classification`: one text, one label (sentiment, topic, intent)."""

from __future__ import annotations

from typing import ClassVar

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.single_label import SingleLabel
from luthier.task_types.text_level import LEARNED, TEXT


class TextClassification(SingleLabel):
    """One text, one label: sentiment, topic, intent."""

    name: ClassVar[str] = "text-classification"
    columns: ClassVar[tuple[Column, ...]] = (
        TEXT,
        Column("label", "label", ("label", "sentiment", "category", "class", "intent", "topic")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("majority", *LEARNED)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 90 weather reports of three kinds; the words that tell are never the same few."""
        words = {
            "rain": ("rain", "drizzle", "showers", "puddles", "umbrellas"),
            "sun": ("sun", "clear skies", "warmth", "blue sky", "sunglasses"),
            "snow": ("snow", "frost", "ice", "sleds", "white roofs"),
        }
        places = ("the coast", "the hills", "town", "the valley", "the lake", "the north")
        texts, labels = [], []
        for n in range(90):
            label = list(words)[n % 3]
            word, place = words[label][n // 3 % 5], places[n // 15]
            texts.append(f"Day {n}: {word} over {place}, they say.")
            labels.append(label)
        return Rows.of({"text": texts, "label": labels}, name="toy")
