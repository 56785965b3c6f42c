"""Texts with several choices, one of which is right."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet, by_names


def listed_choices(sheet: Sheet) -> Guess | None:
    """Recognise a column whose cells list the choices."""
    roles = {
        "text": ("context", "sent1", "article", "startphrase", "text", "question"),
        "choices": ("choices", "options", "endings"),
        "label": ("label", "answer", "gold"),
    }
    return by_names(sheet, "multiple-choice", roles, "several choices, one of which is right")


SHAPES = (listed_choices,)
