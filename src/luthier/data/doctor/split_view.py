"""A split as the doctor's checks see it, and how they write findings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from luthier.columns import Column
from luthier.data.fingerprint import cell_digest
from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.media.heads import digest_of
from luthier.media.places import MEDIA, sources_of
from luthier.records import Rows
from luthier.results import Finding

MOST_PLACES = 5
_ADDRESS = re.compile(r"https?://\S+")


def has_text(kind: str) -> bool:
    """Return whether every cell of an input column of this kind is one text."""
    return kind == "text"


@dataclass(frozen=True)
class SplitView:
    """A split as the checks see it.

    Args:
        split: The name of the split.
        rows: The rows of the split.
        text_roles: Input columns whose cells are texts.
        other_roles: Input columns of any other kind (choices, images, sound, numbers), which are
            only compared for equality.
        media_roles: Those of them whose cells name files, with their kind.
        media: Folder that paths are relative to; None: that of a row's file.
    """

    split: str
    rows: Rows
    text_roles: tuple[str, ...]
    other_roles: tuple[str, ...] = ()
    media_roles: Mapping[str, str] = field(default_factory=dict)
    media: str | None = None

    @property
    def main_role(self) -> str:
        """The input column that a finding about a whole row names."""
        return next(iter((*self.text_roles, *self.other_roles)))

    @cached_property
    def texts(self) -> list[tuple[str, ...]]:
        """The texts of every row; a missing text is empty."""
        columns = [
            ["" if value is None or value != value else str(value) for value in self.rows[role]]
            for role in self.text_roles
        ]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.rows)

    @cached_property
    def other_inputs(self) -> list[tuple[bytes, ...]]:
        """The digests of every row's inputs that are not text; empty where one is missing."""
        columns = [
            [digest_of(source) for source in self.sources[role]]
            if role in self.media_roles
            else [b"" if cell is None else cell_digest(cell) for cell in self.rows[role]]
            for role in self.other_roles
        ]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.rows)

    @cached_property
    def sources(self) -> dict[str, list[Any]]:
        """What is opened for every row, by the columns that name files."""
        rows = self.rows
        files = [rows.files[int(one)] for one in rows.file_of]
        where = [rows.where(row) for row in range(len(rows))]
        return {role: sources_of(rows[role], files, where, self.media) for role in self.media_roles}

    def keys(self, key: Callable[[Sequence[str]], Hashable]) -> list[Hashable]:
        """Identify every row by its inputs; rows with equal inputs have equal keys.

        Args:
            key: Function that maps the texts of a row to what identifies them.

        Returns:
            One key for each row; None where a row has no input at all.
        """
        return [
            (key(texts), *others) if any(others) else key(texts) if any(texts) else None
            for texts, others in zip(self.texts, self.other_inputs, strict=True)
        ]

    def words(self, index: int) -> str:
        """Write a row's texts as plain words without web addresses, to find near-duplicates."""
        return " ".join(map(plain_words, self.texts[index]))


Place = tuple[SplitView, int, str]  # split, row, column


def views_of(
    splits: Iterable[tuple[str, Rows]],
    inputs: Sequence[Column],
    *,
    needed: Sequence[str] = (),
    has_text: Callable[[str], bool] = has_text,
    media: str | None = None,
) -> list[SplitView]:
    """Make a view of every split that has rows.

    Args:
        splits: Names and rows.
        inputs: The columns that a model reads.
        needed: Further columns that must exist.
        has_text: Function that tells whether cells of an input column of a given kind are texts.
        media: Folder that paths of images and sounds are relative to.

    Raises:
        DataError: A column is missing.
    """
    files = {one.role: one.kind for one in inputs if one.kind in MEDIA}
    texts = tuple(column.role for column in inputs if has_text(column.kind))
    others = tuple(column.role for column in inputs if not has_text(column.kind))
    views = [
        SplitView(split, rows, texts, others, files, media) for split, rows in splits if len(rows)
    ]
    for view in views:
        for role in (*texts, *others, *needed):
            if role not in view.rows:
                raise DataError(
                    f"The {view.split} rows have no column for the role '{role}'.",
                    received=f"columns {', '.join(view.rows.columns)}",
                    hint=f"data.columns.{role}=COLUMN",
                )
    return views


def finding(
    code: str, severity: str, message: str, places: Sequence[Place], fix: str | None
) -> list[Finding]:
    """Write a finding, or none if there are no places.

    `{n}` in the message becomes the number of rows, `{splits}` their number in each split.
    """
    if not places:
        return []
    per_split: dict[str, int] = {}
    for view, _, _ in places:
        per_split[view.split] = per_split.get(view.split, 0) + 1
    counts = ", ".join(f"{split} {count}" for split, count in per_split.items())
    n_rows = f"{len(places)} row" + ("" if len(places) == 1 else "s")
    return [
        Finding(
            code,
            severity,
            message.replace("{n}", n_rows).replace("{splits}", counts),
            len(places),
            tuple(f"{v.rows.where(index)}:{column}" for v, index, column in places[:MOST_PLACES]),
            fix,
        )
    ]


def text_places(views: Sequence[SplitView], is_concerned: Callable[[object], bool]) -> list[Place]:
    """Find the text cells whose value satisfies a predicate."""
    return [
        (view, index, role)
        for view in views
        for role in view.text_roles
        for index, value in enumerate(view.rows[role])
        if is_concerned(value)
    ]


def every_row(view: SplitView, role: str | None = None) -> list[Place]:
    """Name all rows of a split, at the given column or at the first input."""
    return [(view, index, role or view.main_role) for index in range(len(view.rows))]


class _Kept(dict[int, str | None]):
    """Maps characters to their replacement, computed on demand: punctuation is replaced."""

    def __init__(self, replacement: str | None):
        self.replacement = replacement

    def __missing__(self, code: int) -> str | None:
        is_dropped = unicodedata.category(chr(code))[0] in "PZC"
        self[code] = self.replacement if is_dropped else chr(code)
        return self[code]


_TIGHT, _SPACED = _Kept(None), _Kept(" ")


def key_of(texts: Sequence[str]) -> str:
    """Make the key under which texts count as equal: no case, spaces or punctuation.

    A text that is only punctuation (":)") keeps it. Texts that are all empty have an empty key.

    >>> key_of(["Good, really!"]) == key_of(["good really"]), key_of([" "]), key_of([":)"])
    (True, '', ':)')
    """
    tight = [unicodedata.normalize("NFKC", text).casefold() for text in texts]
    tight = [text.translate(_TIGHT) or "".join(text.split()) for text in tight]
    return "\x1f".join(tight) if any(tight) else ""


def plain_words(text: str) -> str:
    """Write a text as lower-case words separated by single spaces.

    >>> plain_words("See  https://a.b/c: It's GOOD.")
    'see it s good'
    """
    folded = unicodedata.normalize("NFKC", _ADDRESS.sub(" ", text)).casefold()
    return " ".join(folded.translate(_SPACED).split())


def is_empty(value: object) -> bool:
    """Return whether a cell holds a text without characters; a missing cell does not count."""
    return isinstance(value, str) and is_missing(value)
