"""Text without answers, to train a language model on."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet


def plain_text(sheet: Sheet) -> Guess | None:
    """Recognise files of plain text."""
    if sheet.columns == ["text"] and sheet.rows.files[0].lower().endswith((".txt", ".md")):
        return Guess("masked-lm", {"text": "text"}, ["plain text, to train a language model on"])
    return None


SHAPES = (plain_text,)
