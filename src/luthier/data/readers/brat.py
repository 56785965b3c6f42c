"""Reads brat's standoff files: one row for each document, with its text and annotated spans.

    NAME.txt    the text
    NAME.ann    T1<TAB>PER 0 5<TAB>Peter        the spans; other annotations are ignored

Stenetorp et al. 2012, https://brat.nlplab.org/standoff.html.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from luthier.data.readers.delimited import Table
from luthier.data.readers.plain_text import lines_of, open_text
from luthier.errors import DataError

SHAPE = "T1<TAB>TYPE first past<TAB>the text from character `first` to before `past`"
_SPAN = re.compile(r"T\S*\t *(\S+)((?:[ ;]+[0-9]{1,12} +[0-9]{1,12})+) *(?:\t(.*))?", re.DOTALL)
_IGNORED = tuple("REAMN*#")  # relations, events, attributes, normalisations, notes


@dataclass
class _Annotated:
    """The spans of a text, up to the first malformed line."""

    text: str
    spans: list[dict[str, int | str]] = field(default_factory=list)
    n_parted: int = 0
    wrong_line: float = math.inf
    why: str = ""


def read_brat(path: Path, *, name: str, encoding: str | None = None) -> Table:
    """Read a document with its annotations.

    Args:
        path: The path of NAME.ann; NAME.txt must be in the same folder.
        name: The name of NAME.ann in messages.
        encoding: The encoding of both files; None detects it.

    Returns:
        One row: `text`, `spans` as [{"start": 0, "end": 5, "label": "PER"}, …] and `document`. A
        discontinuous span becomes one span from its first character to its last.

    Raises:
        DataError: A file is missing, or an annotation does not match the text.
    """
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise DataError(
            f"{name} annotates a text that does not exist.",
            received=f"no {beside.name} beside it",
            hint=f"put {beside.name} into {path.parent}",
        )
    document = open_text(beside, name=beside.name, encoding=encoding)
    if encoding is None and not document.encoding.startswith("utf"):
        encoding = document.encoding  # detection is more reliable on the longer file
    marks = open_text(path, name=name, encoding=encoding)
    lines = lines_of(marks.text)
    unix = document.text.replace("\r\n", "\n")  # line ends may have changed since the annotation
    marked = max((_mark(text, lines) for text in (document.text, unix)), key=_first_wrong)
    if marked.why:
        number = int(marked.wrong_line)
        raise DataError(
            f"{name}:{number}: the annotation does not match {beside.name}.",
            received=repr(lines[number - 1][:80]),
            hint=marked.why,
        )
    notes = dict.fromkeys((*document.notes, *marks.notes))
    if marked.n_parted:
        notes[f"{marked.n_parted} discontinuous spans were joined to one span each"] = None
    columns: dict[str, list[object]] = {
        "text": [marked.text],
        "spans": [marked.spans],
        "document": [path.stem],
    }
    return Table(columns, [1], tuple(notes))


def _first_wrong(marked: _Annotated) -> float:
    return marked.wrong_line


def _mark(text: str, lines: Sequence[str]) -> _Annotated:
    """Read the spans until a line does not match the text."""
    marked = _Annotated(text)
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(_IGNORED):
            continue
        why = _add(marked, line)
        if why:
            marked.wrong_line, marked.why = number, why
            break
    return marked


def _add(marked: _Annotated, line: str) -> str:
    """Add the span of a line; return what is wrong with the line, or an empty text."""
    found = _SPAN.fullmatch(line)
    if found is None:
        return SHAPE
    label, numbers, quoted = found.groups()
    ends = [int(number) for number in re.findall(r"\d+", numbers)]
    parts = list(zip(ends[::2], ends[1::2], strict=True))
    if not all(0 <= start < end <= len(marked.text) for start, end in parts):
        return f"spans must lie within the {len(marked.text)} characters of the text"
    there = " ".join(marked.text[start:end] for start, end in parts)
    if quoted is not None and "".join(quoted.split()) != "".join(there.split()):
        return f"the text there is {there[:60]!r}"
    marked.spans.append({"start": min(ends), "end": max(ends), "label": label})
    marked.n_parted += len(parts) > 1
    return ""
