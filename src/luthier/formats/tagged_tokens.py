"""Converts words and tags from their common formats.

    tokens, tags         lists, as lists, JSON or text separated by spaces
    text, spans          a text and what is marked in it (`marked_spans.py`)
    tokens, spans        lists, and what is marked in them
    sentence_id, …       a row for each word (`word_rows.py`)
    text                 alone, for prediction

All become `text`, `words` (the characters of each word), and `tags`, in IOB2 if they mark spans.
"""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.cells import refuse_cut, structure_of
from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.formats.marked_spans import OF_TOKENS, Offsets, from_spans, is_spans, tags_of_tokens
from luthier.formats.word_rows import gathered
from luthier.records import Rows
from luthier.results import Finding
from luthier.text.tag_forms import in_usual_form, other_form
from luthier.text.tags import convert, detect_scheme, stray_tags, with_prefixes
from luthier.text.words import split_words

PLACES = 5  # places that a finding lists
SPANS = ("spans", "entities", "ner", "annotations")
SENTENCE = "sentence_id"  # the column that tells sentences apart, where a row is a word


def canonical(
    rows: Rows, *, scheme: str | None, offsets: Offsets = "characters"
) -> tuple[Rows, list[Finding]]:
    """Convert words and tags to `text`, `words` and `tags`.

    Args:
        rows: The rows as read.
        scheme: The scheme of the tags; None detects it.
        offsets: What the offsets of marked spans count.

    Raises:
        DataError: The words and tags of a row do not match.
    """
    if "words" in rows and "text" in rows:
        return rows, []
    columns = dict(rows.columns)
    spans = next((name for name in SPANS if name in columns), None)
    if spans is None and "text" in columns and any(map(is_spans, columns.get("tags", ()))):
        spans = "tags"
    marks = None
    if "tokens" in columns and spans is not None and "tags" not in columns:
        marks = None if "text" in columns and offsets not in OF_TOKENS else columns.pop(spans)
    if "tokens" in columns and marks is None and spans in columns and "tags" not in columns:
        columns.pop("tokens")  # Prodigy's: spans mark the characters of the text beside them
    if "tokens" in columns:
        tokens = [
            [_to_text(part) for part in _list(cell, rows.where(index), "tokens")]
            for index, cell in enumerate(columns.pop("tokens"))
        ]
        columns["text"], columns["words"] = _join(tokens)
        if marks is not None:
            columns["tags"] = _tags_of_spans(marks, tokens, rows, offsets)
            scheme = "IOB2"
        found = _read_tags(columns, tokens, rows, scheme) if "tags" in columns else []
    elif "text" in columns and spans is not None:
        cells = columns.pop(spans)
        columns["words"], columns["tags"], found = from_spans(
            columns["text"], cells, rows, offsets=offsets
        )
        columns["text"] = ["" if text is None else str(text) for text in columns["text"]]
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


def _tags_of_spans(
    cells: Sequence[object], tokens: Sequence[Sequence[str]], rows: Rows, offsets: Offsets
) -> list[list[str] | None]:
    """Tag tokens by the spans beside them."""
    if offsets not in OF_TOKENS:
        raise DataError(
            "Spans of characters need the text that they mark.",
            received=f"columns {', '.join(rows.columns)}; task.options.offsets={offsets}",
            hint="task.options.offsets=tokens if they count tokens, or data.columns.text=COLUMN",
        )
    return [
        None if cell is None else tags_of_tokens(cell, len(row), rows.where(at), offsets=offsets)
        for at, (cell, row) in enumerate(zip(cells, tokens, strict=True))
    ]


def sentences(rows: Rows) -> Rows:
    """Make a row of each sentence, where the rows are words and a column tells them apart."""
    if SENTENCE not in rows:
        return rows
    words = "tokens" if "tokens" in rows else "text"
    made = gathered(rows, SENTENCE, (words, "tags"))
    columns = {"tokens" if name == words else name: one for name, one in made.columns.items()}
    return Rows(columns, made.files, made.file_of, made.lines)


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
    found = []
    if scheme != "plain" and (form := other_form(one for one in tags if one is not None)):
        tags = [None if one is None else in_usual_form(one, form) for one in tags]
        message = f"Tags are written like {form.example}; they are read as {form.usual}."
        found.append(Finding("tag-scheme", "note", message, len(tags)))
    known = [one for one in tags if one is not None]
    used = scheme or detect_scheme(known)
    if used == "plain":
        columns["tags"] = tags
        return found
    if used == "IO":
        tags = [None if one is None else with_prefixes(one) for one in tags]
    stray = [
        (index, place)
        for index, one in enumerate(tags)
        if one is not None
        for place in stray_tags(one, used)
    ]
    columns["tags"] = [None if one is None else convert(one, used, "IOB2") for one in tags]
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


def split_rows(rows: Rows) -> list[list[str]]:
    """Return the words of every normalized row."""
    return [
        [text[first:past] for first, past in words]
        for text, words in zip(rows["text"], rows["words"], strict=True)
    ]


def words_of(rows: Rows) -> list[str]:
    """Return the words of all normalized rows as one list."""
    return [word for words in split_rows(rows) for word in words]
