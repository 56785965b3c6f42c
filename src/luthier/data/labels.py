"""Reads label cells: one name, or several names in one cell."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from typing import SupportsFloat, cast

import numpy as np

SEPARATORS = ("|", ";", ",")


def is_missing(value: object) -> bool:
    """Return whether a cell is empty: null, NaN, or only spaces.

    >>> is_missing(None), is_missing(float("nan")), is_missing(" "), is_missing("NA"), is_missing(0)
    (True, True, True, False, False)
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def label_name(value: object) -> str:
    """Write a label as text; `1`, `1.0` and `"1"` are the same label, `True` is `true`.

    >>> label_name(1.0), label_name(True), label_name(" spam ")
    ('1', 'true', 'spam')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def as_number(value: object) -> float | None:
    """Read a cell as a number; None if it is not one, or true or false."""
    try:
        return None if isinstance(value, bool) else float(cast(SupportsFloat, value))
    except (TypeError, ValueError, OverflowError):
        return None


def split_labels(cell: object) -> list[str]:
    """Read the labels of one multi-label cell.

    An empty cell (null, NaN, spaces) has no labels. The labels of a list are its items. A text in
    the form of a list (`["a", "b"]` or `['a', 'b']`) is read as a list. Any other text is split at
    every `|` if it has one, else at every `;`, else at every `,`; so a label with a comma in its
    name is safe in cells with `|` and in lists, but not as the only label of a cell. Spaces around
    labels, empty labels and repetitions are dropped.

    >>> split_labels("joy| surprise"), split_labels(["a, b"]), split_labels(""), split_labels(3)
    (['joy', 'surprise'], ['a, b'], [], ['3'])
    """
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if isinstance(cell, (list, tuple, set, frozenset)):
        return _tidy(cell if not isinstance(cell, (set, frozenset)) else sorted(cell, key=str))
    if is_missing(cell):
        return []
    if not isinstance(cell, str):
        return [label_name(cell)]
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        return _tidy(_read_list(text))
    separator = next((mark for mark in SEPARATORS if mark in text), None)
    return _tidy(text.split(separator) if separator else [text])


def _tidy(parts: Iterable[object]) -> list[str]:
    names = (label_name(part) for part in parts if not is_missing(part))
    return list(dict.fromkeys(names))


def _read_list(text: str) -> Sequence[object]:
    """Read a list written as JSON or as Python prints it."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        inside = re.sub(r"[\r\n\0]+", " ", text[1:-1])
        quote = "'" if inside.lstrip().startswith("'") else '"'
        try:
            return next(csv.reader([inside], quotechar=quote, skipinitialspace=True), [])
        except csv.Error:
            return inside.split(",")
    return parts if isinstance(parts, list) else [text]
