"""Reads label cells: one name, or several names in one cell."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import SupportsFloat, cast

import numpy as np

from luthier.data.cells import structure_of

SEPARATORS = ("|", ";", ",")
PLACEHOLDERS = (
    "-",
    "--",
    "?",
    "n/a",
    "#n/a",
    "na",
    "<na>",
    "nan",
    "null",
    "unlabeled",
    "unlabelled",
)
TRUTH = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")  # a whole number with decimals
_COMMA = re.compile(r"\s*([+-]?(?:\d+(?=,(?!\d{3}\s*$))|0+)),(\d+)\s*")  # 1,5 and 0,125; not 1,500


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


def placeholders(cells: Iterable[object]) -> Counter[str]:
    """Count the labels that may stand for none.

    >>> dict(placeholders(["yes", "-", "no", "-"])), dict(placeholders(["+", "-", "+"]))
    ({'-': 2}, {})
    """
    counts = Counter(label_name(cell) for cell in cells if not is_missing(cell))
    if "+" in counts:
        return Counter()
    return Counter({name: n for name, n in counts.items() if name.casefold() in PLACEHOLDERS})


def label_name(value: object) -> str:
    """Write a label as text, by one rule for values of all formats.

    A whole number has no decimals: `1`, `1.0`, `"1"` and `"1.0"` are the label `1`. Values and
    texts of truth (`True`, `TRUE`) are `true` and `false`. Spaces around a name are dropped. `01`,
    `1.10` and `yes` stay as they are.

    >>> label_name(1.0), label_name("1.0"), label_name("True"), label_name(" spam ")
    ('1', '1', 'true', 'spam')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    name = str(value).strip()
    if name.endswith("0") and (whole := _WHOLE.fullmatch(name)):
        return whole[1]
    return TRUTH.get(name, name)


def as_number(value: object) -> float | None:
    """Read a cell as a number; None if it is not one, or true or false.

    Decimals may have a comma, as spreadsheets write them in much of the world, unless three digits
    follow it: `1,500` may be one and a half or fifteen hundred.

    >>> as_number("1.5"), as_number("1,5"), as_number("0,125"), as_number("1,500")
    (1.5, 1.5, 0.125, None)
    """
    if isinstance(value, str) and (decimal := _COMMA.fullmatch(value)):
        value = f"{decimal[1]}.{decimal[2]}"
    try:
        return None if isinstance(value, bool) else float(cast(SupportsFloat, value))
    except (TypeError, ValueError, OverflowError):
        return None


def have_decimal_commas(cells: Iterable[object]) -> bool:
    """Return whether commas in cells stand in numbers, and do not part numbers of labels.

    Those of several labels rise: `1,4`; numbers beside them have no comma, or three and more.

    >>> have_decimal_commas(["1,5", "3,0", "2"]), have_decimal_commas(["1,5", "3,4", "2"])
    (True, False)
    """
    texts = [cell for cell in cells if isinstance(cell, str) and "," in cell]
    parts = [text.split(",") for text in texts]
    if any(
        as_number(text) is None or len(two) != 2 for text, two in zip(texts, parts, strict=True)
    ):
        return False
    return any(int(whole) >= int(rest) or rest.strip()[0] == "0" for whole, rest in parts)


def split_labels(cell: object, separator: str | None = None) -> list[str]:
    """Read the labels of one multi-label cell.

    An empty cell (null, NaN, spaces) has no labels. The labels of a list are its items, those of a
    mapping the names whose value is 1 or true. A text in the form of a list (`["a", "b"]`,
    `['a' 'b']`) is read as a list. Any other text is split at the separator; if none is given, at
    every `|` if it has one, else at every `;`, else at every `,`; so a label with a comma in its
    name is safe in cells with `|` and in lists, but not as the only label of a cell. Spaces around
    labels, empty labels and repetitions are dropped.

    >>> split_labels("joy| surprise"), split_labels(["a, b"]), split_labels(""), split_labels(3)
    (['joy', 'surprise'], ['a, b'], [], ['3'])
    >>> split_labels({"joy": 1, "anger": 0}), split_labels("a, b/c", "/")
    (['joy'], ['a, b', 'c'])
    """
    cell = structure_of(cell)
    if isinstance(cell, Mapping):
        return [str(name) for name, given in cell.items() if label_name(given) in ("1", "true")]
    if isinstance(cell, (list, tuple, set, frozenset)):
        return _tidy(cell if not isinstance(cell, (set, frozenset)) else sorted(cell, key=str))
    if is_missing(cell):
        return []
    if not isinstance(cell, str):
        return [label_name(cell)]
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        return _tidy(_bare_names(text))
    if separator is None:
        separator = next((mark for mark in SEPARATORS if mark in text), None)
    return _tidy(text.split(separator) if separator else [text])


def separator_of(cells: Iterable[object]) -> str | None:
    """Name the mark that parts the labels of texts; None if there is none.

    >>> separator_of(["a, b", "c"]), separator_of(["a, b|c"]), separator_of([["a"]])
    (',', '|', None)
    """
    texts = [cell for cell in map(structure_of, cells) if isinstance(cell, str)]
    return next((mark for mark in SEPARATORS if any(mark in text for text in texts)), None)


def _tidy(parts: Iterable[object]) -> list[str]:
    names = (label_name(part) for part in parts if not is_missing(part))
    return list(dict.fromkeys(names))


def _bare_names(text: str) -> Sequence[object]:
    """Read a list whose items have no quotes, or not all of them: `[a, b]`."""
    inside = re.sub(r"[\r\n\0]+", " ", text[1:-1])
    quote = "'" if inside.lstrip().startswith("'") else '"'
    try:
        return next(csv.reader([inside], quotechar=quote, skipinitialspace=True), [])
    except csv.Error:
        return inside.split(",")
