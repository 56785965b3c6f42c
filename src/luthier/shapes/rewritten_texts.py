"""Texts beside the texts to be written for them: translations and summaries."""

from __future__ import annotations

import re

from luthier.shapes.sheet import Guess, Sheet, by_names

RATINGS = ("score", "rating", "stars", "overall", "label", "sentiment")
TITLE = 8  # words, below which a summary may be the title of what is rated
LANGUAGE = re.compile(r"[a-z]{2}([-_][a-zA-Z]{2,4})?")


def translations(sheet: Sheet) -> Guess | None:
    """Recognise texts in two languages, by the names of their columns."""
    for roles in (
        {"translation": ("translation",)},
        {"text": ("source", "src"), "target": ("target", "tgt", "translation")},
    ):
        if guess := by_names(sheet, "translation", roles, "texts in two languages"):
            return guess
    return None


def summaries(sheet: Sheet) -> Guess | None:
    """Recognise texts with summaries, by the names of their columns."""
    roles = {
        "text": ("document", "article", "dialogue", "text", "body"),
        "target": ("summary", "highlights", "abstract", "tldr"),
    }
    guess = by_names(sheet, "summarization", roles, "texts with summaries")
    if guess is not None and sheet.find("label", *RATINGS) is not None:
        words = {each.name: each.words for each in sheet.profiles}
        if words[guess.columns["target"]] < TITLE:
            return None  # reviews, whose titles are called summaries
    return guess


def languages(sheet: Sheet) -> Guess | None:
    """Recognise two columns that are named by codes of languages."""
    codes = [name for name in sheet.columns if LANGUAGE.fullmatch(name)]
    if not len(codes) == len(sheet.columns) == 2:
        return None
    columns = {"text": codes[0], "target": codes[1]}
    reasons = [f"columns {' and '.join(codes)}: language codes"]
    return Guess("translation", columns, reasons, [_direction(*codes)])


def _direction(source: str, target: str) -> str:
    return (
        f"translates from {source} to {target}; the other way: "
        f"data.columns.text={target} data.columns.target={source}"
    )


SHAPES = (translations, summaries, languages)
