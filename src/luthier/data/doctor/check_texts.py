"""The doctor's checks of texts: missing, empty, not a text, constant, far too long, endless."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from luthier.data.doctor.split_view import (
    Place,
    SplitView,
    every_row,
    finding,
    is_empty,
    text_places,
)
from luthier.data.labels import is_missing
from luthier.results import Finding

OUTLIER_TIMES = 20  # a very long text has so many times the median length
OUTLIER_LENGTH = 5000  # and at least so many characters
LONG_WORD = (
    10_000  # characters without a space; the longest sentences of Chinese have a few hundred
)
_BETWEEN = re.compile(r"[\s。，、！？；：]+")


def check_missing(views: Sequence[SplitView]) -> list[Finding]:
    """Find missing cells (null)."""
    places = text_places(views, lambda value: is_missing(value) and not isinstance(value, str))
    fix = "fill in the cells, or drop these rows"
    return finding("missing-text", "warning", "{n} without a text ({splits}).", places, fix)


def check_empty(views: Sequence[SplitView]) -> list[Finding]:
    """Find texts without characters, or with spaces only."""
    places = text_places(views, is_empty)
    fix = "fill in the cells, or drop these rows"
    return finding("empty-text", "warning", "{n} with an empty text ({splits}).", places, fix)


def check_not_text(views: Sequence[SplitView]) -> list[Finding]:
    """Find values that are not text: numbers, lists, objects."""
    places = text_places(views, lambda value: not isinstance(value, str) and not is_missing(value))
    kinds = {type(view.rows[role][index]).__name__ for view, index, role in places}
    return finding(
        "not-text",
        "warning",
        f"{{n}} whose text is of another type: {', '.join(sorted(kinds))} ({{splits}}).",
        places,
        f"data.columns.{places[0][2]}=the column with the texts" if places else None,
    )


def check_constant(views: Sequence[SplitView]) -> list[Finding]:
    """Find a text column with the same text in every row."""
    found: list[Finding] = []
    for view in views:
        for role in view.text_roles:
            values = {str(value) for value in view.rows[role]}
            if len(values) == 1 and len(view.rows) > 2:
                found += finding(
                    "constant-text",
                    "warning",
                    f"{{n}} of {view.split} with the same {role}: there is nothing to learn from.",
                    every_row(view, role),
                    f"data.columns.{role}=the column with the texts",
                )
    return found


def check_outliers(views: Sequence[SplitView]) -> list[Finding]:
    """Find texts far longer than the others, such as unclosed quotes or pasted pages."""
    places: list[Place] = []
    for view in views:
        lengths = np.array([list(map(len, texts)) for texts in view.texts])  # (rows, text columns)
        limit = np.maximum(OUTLIER_TIMES * np.median(lengths, axis=0), OUTLIER_LENGTH)
        for index, column in np.argwhere(lengths > limit):
            places.append((view, int(index), view.text_roles[column]))
    return finding(
        "very-long-text",
        "note",
        f"{{n}} more than {OUTLIER_TIMES} times as long as most ({{splits}}).",
        places,
        "check them: is a quote not closed, or are there pages among sentences?",
    )


def check_long_words(views: Sequence[SplitView]) -> list[Finding]:
    """Find words that no one reads: encoded pictures, minified code, a key that got stuck."""

    def has_long_word(value: object) -> bool:
        is_long = isinstance(value, str) and len(value) > LONG_WORD
        return is_long and any(len(word) > LONG_WORD for word in _BETWEEN.split(str(value)))

    return finding(
        "long-word",
        "warning",
        f"{{n}} with a word of more than {LONG_WORD:,} characters ({{splits}}): to a model it is "
        "one unknown token, or thousands of meaningless ones.",
        text_places(views, has_long_word),
        "take these words out, or drop the rows",
    )


CHECKS = (
    check_missing,
    check_empty,
    check_not_text,
    check_constant,
    check_outliers,
    check_long_words,
)
