"""Words with tags, and texts with marked spans."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet, by_names

TASK = "token-classification"


def tagged_words(sheet: Sheet) -> Guess | None:
    """Recognise a column of words beside a column of tags."""
    roles = {
        "tokens": ("tokens", "words"),
        "tags": ("tags", "ner_tags", "pos_tags", "labels"),
    }
    return by_names(sheet, TASK, roles, "words with tags")


def marked_spans(sheet: Sheet) -> Guess | None:
    """Recognise texts beside lists of marked spans."""
    roles = {"text": ("text",), "spans": ("spans", "entities")}
    return by_names(sheet, TASK, roles, "texts with marked spans")


SHAPES = (tagged_words, marked_spans)
