"""What the data doctor looks at: a split's rows with their texts, and how findings are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.records import Rows
from luthier.results import Finding

MOST_PLACES = 5
_ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Chart:
    """A split as the checks see it.

    Args:
        split: Its name. `rows`: its rows. `text_roles`: the columns that hold its texts.
    """

    split: str
    rows: Rows
    text_roles: tuple[str, ...]

    @cached_property
    def texts(self) -> list[tuple[str, ...]]:
        """The texts of every row, missing ones as empty."""
        columns = [
            ["" if value is None or value != value else str(value) for value in self.rows[role]]
            for role in self.text_roles
        ]
        return list(zip(*columns, strict=True))

    def words(self, index: int) -> str:
        """Write a row's texts as plain words, without web addresses, for near-duplicates."""
        return " ".join(map(plain_words, self.texts[index]))


Place = tuple[Chart, int, str]  # chart, row, column


def charts_of(
    splits: Iterable[tuple[str, Rows]], text_roles: tuple[str, ...], needed: Sequence[str]
) -> list[Chart]:
    """Make the chart of every split that has rows.

    Raises:
        DataError: A needed column is not there.
    """
    charts = [Chart(split, rows, text_roles) for split, rows in splits if len(rows)]
    for chart in charts:
        for role in needed:
            if role not in chart.rows:
                raise DataError(
                    f"The {chart.split} rows have no column for the role '{role}'.",
                    received=f"columns {', '.join(chart.rows.columns)}",
                    hint=f"data.columns.{role}=COLUMN",
                )
    return charts


def finding(
    code: str, severity: str, message: str, places: Sequence[Place], fix: str | None
) -> list[Finding]:
    """Write a finding, or none where there are no places.

    `{n}` in the message becomes the number of rows, `{splits}` their numbers by split.
    """
    if not places:
        return []
    per_split: dict[str, int] = {}
    for chart, _, _ in places:
        per_split[chart.split] = per_split.get(chart.split, 0) + 1
    told = ", ".join(f"{split} {count}" for split, count in per_split.items())
    n_rows = f"{len(places)} row" + ("" if len(places) == 1 else "s")
    return [
        Finding(
            code,
            severity,
            message.replace("{n}", n_rows).replace("{splits}", told),
            len(places),
            tuple(f"{c.rows.where(index)}:{column}" for c, index, column in places[:MOST_PLACES]),
            fix,
        )
    ]


def text_places(charts: Sequence[Chart], is_concerned: object) -> list[Place]:
    """Find the text cells for which a function of the cell's value is true."""
    if not callable(is_concerned):
        raise TypeError("a function is expected")
    return [
        (chart, index, role)
        for chart in charts
        for role in chart.text_roles
        for index, value in enumerate(chart.rows[role])
        if is_concerned(value)
    ]


class _Kept(dict[int, str | None]):
    """Characters to what is kept of them, filled on demand: punctuation goes."""

    def __init__(self, instead: str | None):
        self.instead = instead

    def __missing__(self, code: int) -> str | None:
        is_dropped = unicodedata.category(chr(code))[0] in "PZC"
        self[code] = self.instead if is_dropped else chr(code)
        return self[code]


_TIGHT, _SPACED = _Kept(None), _Kept(" ")


def key_of(texts: Sequence[str]) -> str:
    """Make the key under which texts count as the same: no case, spaces or punctuation.

    A text of punctuation alone (":)") keeps it. Texts that are all empty have the empty key.

    >>> key_of(["Good, really!"]) == key_of(["good really"]), key_of([" "]), key_of([":)"])
    (True, '', ':)')
    """
    tight = [unicodedata.normalize("NFKC", text).casefold() for text in texts]
    tight = [text.translate(_TIGHT) or "".join(text.split()) for text in tight]
    return "\x1f".join(tight) if any(tight) else ""


def plain_words(text: str) -> str:
    """Write a text as words in lower case with one space between them.

    >>> plain_words("See  https://a.b/c: It's GOOD.")
    'see it s good'
    """
    folded = unicodedata.normalize("NFKC", _ADDRESS.sub(" ", text)).casefold()
    return " ".join(folded.translate(_SPACED).split())


def is_empty(value: object) -> bool:
    """Say whether a cell has no text; one that is missing does not count."""
    return isinstance(value, str) and is_missing(value)
