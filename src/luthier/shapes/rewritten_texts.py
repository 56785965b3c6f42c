"""Texts beside the texts to be written for them: translations and summaries."""

from __future__ import annotations

import re

from luthier.data.readers.languages import LANGUAGE
from luthier.shapes.sheet import Guess, Sheet, by_names

RATINGS = ("score", "rating", "stars", "overall", "label", "sentiment")
TITLE = 8  # words, below which a summary may be the title of what is rated


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
    """Recognise columns of two languages by their codes; variants of one (`de-at`) are joined."""
    if not sheet.columns or not all(map(LANGUAGE.fullmatch, sheet.columns)):
        return None
    by_language: dict[str, list[str]] = {}
    for name in sheet.columns:
        by_language.setdefault(re.split("[-_]", name)[0].lower(), []).append(name)
    names = [one if len(codes) > 1 else codes[0] for one, codes in by_language.items()]
    joined = [
        f"{' and '.join(codes)}: variants of one language, which are joined"
        for codes in by_language.values()
        if len(codes) > 1
    ]
    if len(sheet.columns) == 2:
        names, joined = sheet.columns, []
    if len(names) != 2:
        return None
    columns = {"text": names[0], "target": names[1]}
    reasons = [f"columns {' and '.join(names)}: language codes", *joined]
    return Guess("translation", columns, reasons, [_direction(*names)])


def _direction(source: str, target: str) -> str:
    return (
        f"translates from {source} to {target}; the other way: "
        f"data.columns.text={target} data.columns.target={source}"
    )


SHAPES = (translations, summaries, languages)
