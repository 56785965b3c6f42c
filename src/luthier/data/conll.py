"""From CoNLL columns to one row a sentence: one word a line, a blank line after each sentence.

The first column holds the words, the last one the tags; what stands between is kept as `column_2`
and so on. Lines that begin with `#` and a blank are comments; `-DOCSTART-` begins a document. So
are the files of CoNLL-2002 and 2003, WNUT and GermEval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.delimited import Table
from luthier.errors import DataError

DOCUMENT = "-DOCSTART-"
SHAPE = "word<TAB>tag on every line, and a blank line after each sentence"
Line = tuple[int, list[str]]


def parse_conll(text: str, *, name: str) -> Table:
    """Parse a file of columns.

    Returns:
        Columns `tokens`, `column_2` …, `tags`, each cell a list; `document`, from 1, where
        documents are marked. Lines are those of the sentences' first words.

    Raises:
        DataError: There is no word, or a line has not as many columns as the others.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    by_tab = any("\t" in line for line in lines)
    sentences, documents = _sentences(lines, by_tab=by_tab)
    if not sentences:
        raise DataError(f"{name} has no words.", received="no lines", hint=SHAPE)
    width = len(sentences[0][0][1])
    for sentence in sentences:
        for number, fields in sentence:
            if len(fields) != width:
                raise DataError(
                    f"{name}: line {number} has {len(fields)} columns, line "
                    f"{sentences[0][0][0]} has {width}.",
                    received="\t".join(fields)[:60],
                    hint=f"mend line {number}; expected is {SHAPE}",
                )
    columns: dict[str, list[Any]] = {}
    for place in range(width):
        columns[_name(place, width)] = [
            [fields[place] for _, fields in sentence] for sentence in sentences
        ]
    if max(documents) > 0:
        columns["document"] = documents
    notes = [f"{len(sentences)} sentences"]
    if width > 2:
        between = ", ".join(list(columns)[1 : width - 1])
        notes.append(f"{width} columns: the last one is taken as tags, not {between}")
    return Table(columns, [sentence[0][0] for sentence in sentences], tuple(notes[1:]))


def _name(place: int, width: int) -> str:
    if place == 0:
        return "tokens"
    return "tags" if place == width - 1 else f"column_{place + 1}"


def _sentences(lines: Sequence[str], *, by_tab: bool) -> tuple[list[list[Line]], list[int]]:
    """Cut lines into sentences of (line number, fields), and number their documents."""
    sentences: list[list[Line]] = []
    documents: list[int] = []
    document, is_open = 0, False
    for number, line in enumerate(lines, start=1):
        fields = _fields(line, by_tab=by_tab)
        if fields and fields[0] == DOCUMENT:
            document, is_open = document + 1, False
        elif not fields:
            is_open = False
        elif not _is_comment(line, fields):
            if not is_open:
                sentences.append([])
                documents.append(document)
            sentences[-1].append((number, fields))
            is_open = True
    return sentences, documents


def _fields(line: str, *, by_tab: bool) -> list[str]:
    if not line.strip():
        return []
    if not by_tab:
        return line.split()
    fields = [field.strip() for field in line.rstrip("\t ").split("\t")]
    return fields if any(fields) else []


def _is_comment(line: str, fields: Sequence[str]) -> bool:
    return line.startswith("# ") or (line.startswith("#") and len(fields) == 1 and len(line) > 1)
