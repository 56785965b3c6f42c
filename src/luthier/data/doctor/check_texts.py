"""The doctor's checks of texts: missing, empty, no text at all, always the same, out of measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.data.doctor.split_view import Chart, Place, finding, is_empty, text_places
from luthier.data.labels import is_missing
from luthier.results import Finding

OUTLIER_TIMES, OUTLIER_LENGTH = 20, 5000


def check_missing(charts: Sequence[Chart]) -> list[Finding]:
    """Find cells that hold nothing (null)."""
    places = text_places(charts, lambda value: is_missing(value) and not isinstance(value, str))
    fix = "fill the cells in, or drop these rows"
    return finding("missing-text", "warning", "{n} without a text ({splits}).", places, fix)


def check_empty(charts: Sequence[Chart]) -> list[Finding]:
    """Find texts of no characters, or of spaces alone."""
    places = text_places(charts, is_empty)
    fix = "fill the cells in, or drop these rows"
    return finding("empty-text", "warning", "{n} with an empty text ({splits}).", places, fix)


def check_not_text(charts: Sequence[Chart]) -> list[Finding]:
    """Find values that are no text: numbers, lists, objects."""
    places = text_places(charts, lambda value: not isinstance(value, str) and not is_missing(value))
    kinds = {type(chart.rows[role][index]).__name__ for chart, index, role in places}
    return finding(
        "not-text",
        "warning",
        f"{{n}} whose text is of another kind: {', '.join(sorted(kinds))} ({{splits}}).",
        places,
        f"data.columns.{places[0][2]}=the column with the texts" if places else None,
    )


def check_constant(charts: Sequence[Chart]) -> list[Finding]:
    """Find a text column with the same text in every row."""
    found: list[Finding] = []
    for chart in charts:
        for role in chart.text_roles:
            values = {str(value) for value in chart.rows[role]}
            if len(values) == 1 and len(chart.rows) > 2:
                found += finding(
                    "constant-text",
                    "warning",
                    f"{{n}} of {chart.split} with one and the same {role}: nothing to learn from.",
                    [(chart, index, role) for index in range(len(chart.rows))],
                    f"data.columns.{role}=the column with the texts",
                )
    return found


def check_outliers(charts: Sequence[Chart]) -> list[Finding]:
    """Find texts far longer than the others, as runaway quotes or pasted pages make them."""
    places: list[Place] = []
    for chart in charts:
        lengths = np.stack(
            [
                np.fromiter(map(len, column), dtype=np.int64)
                for column in zip(*chart.texts, strict=True)
            ],
            axis=1,
        )
        limit = np.maximum(OUTLIER_TIMES * np.median(lengths, axis=0), OUTLIER_LENGTH)
        for index, column in np.argwhere(lengths > limit):
            places.append((chart, int(index), chart.text_roles[column]))
    return finding(
        "very-long-text",
        "note",
        f"{{n}} more than {OUTLIER_TIMES} times as long as most ({{splits}}).",
        places,
        "look at them: a quote that is not closed, or pages among sentences?",
    )


CHECKS = (check_missing, check_empty, check_not_text, check_constant, check_outliers)
