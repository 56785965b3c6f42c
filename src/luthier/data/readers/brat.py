"""From brat's standoff files to one row a document: its text, and the spans marked in it.

    NAME.txt    the text
    NAME.ann    T1<TAB>PER 0 5<TAB>Peter        the spans; what is said of them is passed over

Stenetorp et al. 2012, https://brat.nlplab.org/standoff.html.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luthier.data.readers.delimited import Table
from luthier.data.readers.plain_text import lines_of, open_text
from luthier.errors import DataError

SHAPE = "T1<TAB>TYPE first past<TAB>the text from the first character to before `past`"
_SPAN = re.compile(r"T\S*\t *(\S+)((?:[ ;]+[0-9]{1,12} +[0-9]{1,12})+) *(?:\t(.*))?", re.DOTALL)
_PASSED_OVER = tuple("REAMN*#")  # relations, events, attributes, normalisations, notes


@dataclass
class _Marked:
    """The spans of a text, up to the first line that is wrong."""

    text: str
    spans: list[dict[str, int | str]] = field(default_factory=list)
    n_parted: int = 0
    wrong_line: float = math.inf
    why: str = ""


def read_brat(path: Path, *, name: str, encoding: str | None = None) -> Table:
    """Read a document with its marks.

    Args:
        path: Of NAME.ann; NAME.txt lies beside it.
        name: What to call NAME.ann in messages.
        encoding: Of both; None: detected.

    Returns:
        One row: `text`, `spans` as [{"start": 0, "end": 5, "label": "PER"}, …] and `document`. A
        span in several parts goes from its first character to its last.

    Raises:
        DataError: A file is missing, or a line does not say what the text says.
    """
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise DataError(
            f"{name} marks a text that is not there.",
            received=f"no {beside.name} beside it",
            hint=f"put {beside.name} into {path.parent}",
        )
    document = open_text(beside, name=beside.name, encoding=encoding)
    if encoding is None and not document.encoding.startswith("utf"):
        encoding = document.encoding  # of the two, the longer text is the surer to tell
    marks = open_text(path, name=name, encoding=encoding)
    lines = lines_of(marks.text)
    unix = document.text.replace("\r\n", "\n")  # line ends may have changed since the marking
    marked = max((_mark(text, lines) for text in (document.text, unix)), key=_first_wrong)
    if marked.why:
        number = int(marked.wrong_line)
        raise DataError(
            f"{name}:{number}: the line marks nothing in {beside.name}.",
            received=repr(lines[number - 1][:80]),
            hint=marked.why,
        )
    notes = dict.fromkeys((*document.notes, *marks.notes))
    if marked.n_parted:
        notes[f"{marked.n_parted} spans of several parts became one each"] = None
    columns: dict[str, list[Any]] = {
        "text": [marked.text],
        "spans": [marked.spans],
        "document": [path.stem],
    }
    return Table(columns, [1], tuple(notes))


def _first_wrong(marked: _Marked) -> float:
    return marked.wrong_line


def _mark(text: str, lines: Sequence[str]) -> _Marked:
    """Read the spans, until a line does not fit the text."""
    marked = _Marked(text)
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(_PASSED_OVER):
            continue
        why = _add(marked, line)
        if why:
            marked.wrong_line, marked.why = number, why
            break
    return marked


def _add(marked: _Marked, line: str) -> str:
    """Add the span of a line; say what is wrong with it, if anything."""
    found = _SPAN.fullmatch(line)
    if found is None:
        return SHAPE
    label, numbers, quoted = found.groups()
    ends = [int(number) for number in re.findall(r"\d+", numbers)]
    parts = list(zip(ends[::2], ends[1::2], strict=True))
    if not all(0 <= start < end <= len(marked.text) for start, end in parts):
        return f"spans lie within the {len(marked.text)} characters of the text"
    there = " ".join(marked.text[start:end] for start, end in parts)
    if quoted is not None and "".join(quoted.split()) != "".join(there.split()):
        return f"what stands there is {there[:60]!r}"
    marked.spans.append({"start": min(ends), "end": max(ends), "label": label})
    marked.n_parted += len(parts) > 1
    return ""
