"""Converts words and tags from their common formats.

    tokens, tags         lists, as lists, JSON or text separated by spaces
    text, spans          a text and [{"start": 5, "end": 9, "label": "PER"}, …] of its characters
    text                 alone, for prediction

All become `text`, `words` (the characters of each word), and `tags`, in IOB2 if they mark spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from luthier.data.cells import refuse_cut, structure_of
from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.records import Rows
from luthier.results import Finding
from luthier.text.tags import convert, detect_scheme, stray_tags, tags_of_spans
from luthier.text.words import split_words, word_range, words_around

PLACES = 5  # places that a finding lists
SPANS = ("spans", "entities", "ner")


def canonical(rows: Rows, *, scheme: str | None) -> tuple[Rows, list[Finding]]:
    """Convert words and tags to `text`, `words` and `tags`.

    Args:
        rows: The rows as read.
        scheme: The scheme of the tags; None detects it.

    Raises:
        DataError: The words and tags of a row do not match.
    """
    columns = dict(rows.columns)
    if "words" in columns and "text" in columns:
        return rows, []
    spans = next((name for name in SPANS if name in columns), None)
    if "tokens" in columns:
        tokens = [
            [_to_text(part) for part in _list(cell, rows.where(index), "tokens")]
            for index, cell in enumerate(columns.pop("tokens"))
        ]
        columns["text"], columns["words"] = _join(tokens)
        found = _read_tags(columns, tokens, rows, scheme) if "tags" in columns else []
    elif "text" in columns and spans is not None:
        columns["words"], columns["tags"] = _from_spans(columns["text"], columns.pop(spans), rows)
        found = []
    elif "text" in columns:
        columns["text"] = ["" if text is None else str(text) for text in columns["text"]]
        columns["words"] = [split_words(text) for text in columns["text"]]
        if "tags" in columns:
            tokens = [str(text).split() for text in columns["text"]]
            columns["text"], columns["words"] = _join(tokens)
            found = _read_tags(columns, tokens, rows, scheme)
        else:
            found = []
    else:
        return rows, []
    return Rows(columns, rows.files, rows.file_of, rows.lines), found


def _to_text(part: object) -> str:
    return "" if part is None else str(part)


def _list(cell: object, where: str, role: str) -> Sequence[object]:
    """Read a list: a list itself or written as text, or a text separated by spaces."""
    refuse_cut(cell, role, where)
    cell = structure_of(cell)
    if isinstance(cell, str):
        return cell.split()
    if isinstance(cell, (list, tuple)):
        return list(cell)
    raise DataError(
        f"The {role} at {where} are not a list.",
        received=repr(cell)[:60],
        hint='["one", "for", "each", "word"], or words separated by spaces',
    )


def _join(tokens: Sequence[Sequence[str]]) -> tuple[list[str], list[list[tuple[int, int]]]]:
    """Join the tokens of every row with single spaces; return the texts and the tokens' spans."""
    texts, words = [], []
    for row in tokens:
        at, spans = 0, []
        for token in row:
            spans.append((at, at + len(token)))
            at += len(token) + 1
        texts.append(" ".join(row))
        words.append(spans)
    return texts, words


def _read_tags(
    columns: dict[str, Sequence[object]],
    tokens: Sequence[Sequence[str]],
    rows: Rows,
    scheme: str | None,
) -> list[Finding]:
    """Check that every word has a tag, detect the scheme, and convert the tags to IOB2."""
    tags: list[list[str] | None] = []
    for index, cell in enumerate(columns["tags"]):
        if cell is None or (isinstance(cell, float) and is_missing(cell)):
            tags.append(None)
            continue
        listed = [_to_text(tag) for tag in _list(cell, rows.where(index), "tags")]
        if len(listed) != len(tokens[index]):
            raise DataError(
                f"The row at {rows.where(index)} has unequal numbers of words and tags.",
                received=f"{len(tokens[index])} words, {len(listed)} tags",
                hint="one tag for each word; O for words outside entities",
            )
        tags.append(listed)
    known = [one for one in tags if one is not None]
    used = scheme or detect_scheme(known)
    if used == "plain":
        columns["tags"] = tags
        return []
    stray = [
        (index, place)
        for index, one in enumerate(tags)
        if one is not None
        for place in stray_tags(one, used)
    ]
    columns["tags"] = [None if one is None else convert(one, used, "IOB2") for one in tags]
    found = []
    if used != "IOB2":
        found.append(
            Finding(
                "tag-scheme",
                "note",
                f"The tags are {used}; they were converted to IOB2.",
                len(tags),
            )
        )
    if stray:
        places = tuple(
            f"{rows.where(index)}:word {place + 1}: {(tags[index] or [])[place]}"
            for index, place in stray[:PLACES]
        )
        message = (
            f"{len(stray)} tags are not allowed in their places in {used} (an I- without a B- "
            "before it, say); read as IOB2, they begin entities or end them."
        )
        fix = f"correct the tags, or task.options.scheme=another than {used}"
        found.append(Finding("stray-tag", "warning", message, len(stray), places, fix))
    return found


def _from_spans(
    texts: Sequence[object], cells: Sequence[object], rows: Rows
) -> tuple[list[list[tuple[int, int]]], list[list[str] | None]]:
    """Split texts into words, also at the borders of spans, and tag them."""
    words: list[list[tuple[int, int]]] = []
    tags: list[list[str] | None] = []
    for index, (text, cell) in enumerate(zip(texts, cells, strict=True)):
        text = "" if text is None else str(text)
        if cell is None:
            words.append(split_words(text))
            tags.append(None)
            continue
        where = rows.where(index)
        spans = sorted(_span(one, text, where) for one in _spans(cell, where))
        cut = words_around(text, [(first, past) for first, past, _ in spans])
        inside = []
        for first, past, label in spans:
            begin, end = word_range(cut, first, past)
            if begin < end:
                inside.append((begin, end, label))
        try:
            tags.append(tags_of_spans(inside, len(cut), "IOB2"))
        except ValueError:
            raise DataError(
                f"Two entities at {where} overlap, but a word can have only one tag.",
                received=", ".join(f"{text[a:b]!r} {label}" for a, b, label in spans)[:100],
                hint="keep one of them",
            ) from None
        words.append(cut)
    return words, tags


def _spans(cell: object, where: str) -> list[object]:
    cell = structure_of(cell)
    if not isinstance(cell, (list, tuple)):
        raise DataError(
            f"The spans at {where} are not a list.",
            received=repr(cell)[:60],
            hint='[{"start": 5, "end": 9, "label": "PER"}]',
        )
    return list(cell)


def _span(one: object, text: str, where: str) -> tuple[int, int, str]:
    """Read one span: a mapping, or (start, end, label)."""
    if isinstance(one, Mapping):
        parts = [
            one.get("start"),
            one.get("end"),
            one.get("label", one.get("type", one.get("entity"))),
        ]
    else:
        parts = list(one)[:3] if isinstance(one, (list, tuple, np.ndarray)) else [None]
    is_whole = len(parts) == 3 and all(isinstance(end, (int, np.integer)) for end in parts[:2])
    if not is_whole or not isinstance(parts[2], str) or not 0 <= parts[0] < parts[1] <= len(text):
        raise DataError(
            f"A span at {where} does not lie within its text.",
            received=f"{one!r}"[:80] + f", text of {len(text)} characters",
            hint='{"start": first character, "end": last character + 1, "label": "PER"}',
        )
    return int(parts[0]), int(parts[1]), parts[2]


def split_rows(rows: Rows) -> list[list[str]]:
    """Return the words of every normalized row."""
    return [
        [text[first:past] for first, past in words]
        for text, words in zip(rows["text"], rows["words"], strict=True)
    ]


def words_of(rows: Rows) -> list[str]:
    """Return the words of all normalized rows as one list."""
    return [word for words in split_rows(rows) for word in words]
