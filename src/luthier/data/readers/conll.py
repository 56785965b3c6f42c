"""Parses CoNLL files (one token a line) to sentences: `tokens` and `tags` as lists.

The columns of a line are separated by tabs, spaces, or commas or semicolons as in tables: the token
is first, its tag last. A blank line ends a sentence, a line `-DOCSTART-` begins a document (Tjong
Kim Sang and De Meulder 2003,
"Introduction to the CoNLL-2003 Shared Task"). Comments and hashtags both begin with `#`, so a line
is a comment only if it does not look like a token with its tag. Where lines begin with the numbers
of words, as in [CoNLL-U](https://universaldependencies.org/format.html) and GermEval 2014, every
line of `#` is a comment, and lines of `1-2` and `1.1`, which repeat or imply words, are skipped.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from luthier.data.readers.delimited import Table
from luthier.data.readers.plain_text import lines_of
from luthier.data.readers.sniff import SAMPLE, n_numbered
from luthier.errors import DataError

DOCUMENT = "-DOCSTART-"
SHAPE = "a token, a tab and its tag on each line, and a blank line after each sentence"
NAMES = frozenset(("word", "words", "token", "tokens", "form"))  # of a first line of names
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_NO_WORD = re.compile(r"\d+[-.]\d+")  # of CoNLL-U: a range of words, or one that is not written
_UNSEEN = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Mn"))  # categories of invisible characters


class _Line(NamedTuple):
    number: int
    text: str
    cells: tuple[str, ...]  # none: a blank line, or the start of a document

    @property
    def starts_document(self) -> bool:
        return self.text.startswith(DOCUMENT)


def parse_conll(text: str, *, name: str, header: str | Sequence[str] | None = None) -> Table:
    """Parse a file of tokens and tags.

    Args:
        text: The content of the file.
        name: The name of the file in messages.
        header: As in `Form`; None proposes `first` if the first line has names of columns.

    Returns:
        One row for each sentence: `tokens`, `column_2` and so on for the columns between, and
        `tags`, with lists as cells; also `document`, numbered from 1, if the file marks documents.
        A file with one column has only `tokens`. The line of a row is that of its first token.

    Raises:
        DataError: There are no tokens, or lines have different numbers of columns.
    """
    lines = _cut(text)
    first = next((line for line in lines if line.cells), None)
    proposed = {}
    if first is not None and header is None and _are_names(first.cells):
        proposed = {"header": "first"}
    if first is not None and header == "first":
        header = first.cells
        lines = [line for line in lines if line is not first]
    is_numbered = n_numbered([line.text for line in lines[:SAMPLE]]) > 0
    tokens, skipped = (_words if is_numbered else _without_comments)(lines)
    if not any(line.cells for line in tokens):
        raise DataError(f"{name} has no tokens.", received=f"{len(lines)} lines", hint=SHAPE)
    width = _check(tokens, name)
    sentences, documents = _sentences(tokens)
    middle = [f"column_{number}" for number in range(2, width)]
    names = ["tokens", *middle, "tags"][: max(width, 1)]
    if header not in (None, "none"):
        names = _check_names([str(one) for one in header or ()], width, name)
    columns: dict[str, Sequence[object]] = {
        column: [[line.cells[index] for line in sentence] for sentence in sentences]
        for index, column in enumerate(names)
    }
    if any(line.starts_document for line in lines):
        columns["document"] = documents
    notes = [f"{count} {what} skipped" for what, count in skipped.items() if count]
    numbers = [sentence[0].number for sentence in sentences]
    return Table(columns, numbers, (*notes, *_unseen(tokens)), proposed=proposed)


def _are_names(cells: Sequence[str]) -> bool:
    """Say whether cells are the names of a column of words and a column of tags."""
    names = [cell.strip().casefold() for cell in cells]
    return len(names) > 1 and bool(NAMES & {*names}) and len({*names}) == len(names)


def _check_names(names: list[str], width: int, name: str) -> list[str]:
    if len(names) == width == len(set(names)):
        return names
    raise DataError(
        f"{name} has {width} columns, and each needs a name of its own.",
        received=f"names {', '.join(names)}",
        hint="data.header=none, or data.header=[…] with a name for each",
    )


def _cut(text: str) -> list[_Line]:
    """Split lines into cells, at tabs if at least half of the lines have any."""
    numbered = [(number, line.rstrip()) for number, line in enumerate(lines_of(text), start=1)]
    filled = [line for _, line in numbered if line and not line.startswith(DOCUMENT)]
    tabbed = 2 * sum("\t" in line for line in filled) >= len(filled)
    cut = _at_tabs if tabbed else _at_blanks
    mark = next((mark for mark in ",;" if filled and all(mark in line for line in filled)), None)
    if not tabbed and mark is not None and not any(" " in line for line in filled):
        usual = Counter(len(_at_marks(line, mark)) for line in filled).most_common(1)[0][0]
        cut = partial(_at_marks, mark=mark, width=usual)
    return [
        _Line(number, line, () if not line or line.startswith(DOCUMENT) else cut(line))
        for number, line in numbered
    ]


def _at_tabs(line: str) -> tuple[str, ...]:
    return tuple(cell.strip(" ") or cell for cell in line.split("\t"))


def _at_marks(line: str, mark: str, width: int | None = None) -> tuple[str, ...]:
    """Split a line of a table; a token may be the mark itself, with quotes around it or none."""
    try:
        cells = next(csv.reader([line], delimiter=mark, strict=True))
    except csv.Error:
        cells = line.split(mark)
    if width is not None and len(cells) != width:
        cells = line.rsplit(mark, width - 1)
    return tuple(cells)


def _at_blanks(line: str) -> tuple[str, ...]:
    return tuple(re.split(r"[ \t]+", line.lstrip(" \t")))


def _words(lines: Sequence[_Line]) -> tuple[list[_Line], dict[str, int]]:
    """Keep the lines of numbered words, and those that end sentences."""
    written = [line for line in lines if not line.text.startswith("#")]
    kept = [line for line in written if not (line.cells and _NO_WORD.fullmatch(line.cells[0]))]
    n_comments, n_others = len(lines) - len(written), len(written) - len(kept)
    return kept, {"comment lines": n_comments, "lines without a word of their own": n_others}


def _without_comments(lines: Sequence[_Line]) -> tuple[list[_Line], dict[str, int]]:
    sure = [line.cells for line in lines if line.cells and not line.text.startswith("#")]
    width = _width(sure)
    tags = {cells[-1] for cells in sure if len(cells) == width}
    kept = [line for line in lines if not _is_comment(line, width, tags)]
    return kept, {"comment lines": len(lines) - len(kept)}


def _is_comment(line: _Line, width: int, tags: set[str]) -> bool:
    """Tell a comment (`# text = Yes .`, `#begin`) from a token (`#  O`, `#NFL  B-group`)."""
    if not line.text.startswith("#"):
        return False
    if width == 1:
        return line.text.startswith("# ")
    if len(line.cells) == 1:
        return True
    if "\t" in line.text and not line.text.startswith("# "):
        return False
    is_tag = line.cells[-1] in tags or _TAG.fullmatch(line.cells[-1]) is not None
    return not (is_tag and len(line.cells) == (width or 2))


def _width(lines: Sequence[tuple[str, ...]]) -> int:
    """Return the usual number of columns of tagged lines; 1 if none is tagged, 0 without lines."""
    counts = Counter(map(len, lines))
    tagged = Counter({width: count for width, count in counts.items() if width > 1})
    return max(tagged or counts or [0], key=lambda width: (counts[width], width))


def _check(lines: Sequence[_Line], name: str) -> int:
    """Refuse lines with an unusual number of columns."""
    filled = [line for line in lines if line.cells]
    width = _width([line.cells for line in filled])
    for line in filled:
        if not line.cells[0]:
            problem, hint = "a tag has no token", "write the token before the tab"
        elif len(line.cells) == width:
            continue
        elif len(line.cells) == 1:
            problem, hint = "a token has no tag", "the tag of a token outside entities is O"
        else:
            problem = f"a line has {len(line.cells)} columns, most have {width}"
            hint = SHAPE if width == 2 else f"{width} columns on each line"
        raise DataError(
            f"{name}:{line.number}: {problem}.",
            received=repr(line.text[:80]),
            hint=f"{hint} (line {line.number})",
        )
    return width


def _sentences(lines: Sequence[_Line]) -> tuple[list[list[_Line]], list[int]]:
    """Collect the lines of each sentence and the number of its document."""
    sentences: list[list[_Line]] = []
    documents: list[int] = []
    document, is_open = 0, False
    for line in lines:
        if line.starts_document:
            document = max(document, bool(sentences)) + 1
        if line.cells and not is_open:
            sentences.append([])
            documents.append(max(document, 1))
        if line.cells:
            sentences[-1].append(line)
        is_open = bool(line.cells)
    return sentences, documents


def _unseen(lines: Sequence[_Line]) -> list[str]:
    """Note tokens that are invisible, which tokenizers tend to drop."""
    found = [
        line.number
        for line in lines
        if line.cells
        and not line.cells[0].isalnum()
        and all(unicodedata.category(sign) in _UNSEEN for sign in line.cells[0])
    ]
    if not found:
        return []
    places = ", ".join(map(str, found[:5])) + (", …" if len(found) > 5 else "")
    one = len(found) == 1
    return [f"{len(found)} token{' is' if one else 's are'} invisible (line {places})"]
