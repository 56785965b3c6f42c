"""Reads `.txt` and `.md` files to a column `text`: one row for each line that is not blank.

With a delimiter, they are tables; `sentence@label` may have it in the sentence, too. Lines that
begin with labels are fastText's (`fasttext.py`). Other readers of text files also use `open_text`
and `lines_of`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from luthier.data.readers.delimited import Table
from luthier.data.readers.encoding import Decoded, decode
from luthier.data.readers.fasttext import is_fasttext, table_of_fasttext
from luthier.data.readers.headers import looks_like_data, report_no_header
from luthier.data.readers.sniff import SAMPLE, delimiter_of, is_tagged
from luthier.errors import DataError

PLAIN = ("utf-8", "utf-8-sig", "ascii")
_DECLARATION = re.compile(rb"""<\?xml[^<>]{1,80}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")


def open_text(path: Path, *, name: str, encoding: str | None = None) -> Decoded:
    """Read a text file and detect its encoding.

    Args:
        path: The path of the file.
        name: The name of the file in messages.
        encoding: The encoding; None detects it, also from an XML declaration.

    Returns:
        The text, its encoding, and notes such as "encoding cp1252".

    Raises:
        DataError: The file cannot be opened, or is not text.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as problem:
        raise DataError(
            f"{name} cannot be opened.",
            received=getattr(problem, "strerror", None) or str(problem),
            hint=f"make it readable: chmod u+r {path}",
        ) from problem
    stated = encoding if encoding is not None else _declared(content)
    decoded = decode(content, name=name, encoding=stated)
    if stated is None and decoded.encoding not in PLAIN:
        return replace(decoded, notes=(f"encoding {decoded.encoding}", *decoded.notes))
    return decoded


def _declared(content: bytes) -> str | None:
    """Read the encoding of an XML declaration, unless the bytes contradict it."""
    found = _DECLARATION.match(content)
    if found is None:
        return None
    stated = found[1].decode("ascii")
    if stated.lower().startswith(("utf", "unicode")):
        return None  # detection is more reliable
    with suppress(LookupError, ValueError):
        content.decode(stated)
        return stated if content.isascii() or not _is_utf_8(content) else None
    return None


def _is_utf_8(content: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        content.decode("utf-8")
        return True
    return False


def lines_of(text: str) -> list[str]:
    r"""Split a text into lines as an editor does; a final line end does not begin another line.

    Lines end with LF, CR LF, or, in a text without LF, CR. The other characters at which
    `str.splitlines` splits occur within sentences.

    >>> lines_of("one\r\ntwo\n")
    ['one', 'two']
    """
    text = text.replace("\r\n", "\n")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def parse_plain_text(text: str, *, name: str) -> Table:
    """Make a row of every line that is not blank; propose another form if they look like a table.

    Raises:
        DataError: All lines are blank.
    """
    lines = lines_of(text)
    kept = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not kept:
        raise DataError(f"{name} is empty.", received="no lines", hint="one text on every line")
    numbers, texts = [number for number, _ in kept], [line for _, line in kept]
    if is_fasttext(texts):
        return table_of_fasttext(texts, numbers)
    return Table({"text": texts}, numbers, proposed=_propose(lines[:SAMPLE]))


def _propose(lines: Sequence[str]) -> dict[str, str]:
    if is_tagged(lines):
        return {"format": "conll"}
    mark = delimiter_of(lines)
    return {} if mark is None else {"delimiter": "tab" if mark == "\t" else mark}


def parse_labelled_lines(
    text: str, side: str, *, name: str, delimiter: str, header: str | Sequence[str] | None
) -> Table:
    """Make a row of a text and its label of every line, where texts have the delimiter, too.

    Args:
        text: The content of the file.
        side: Where the labels are: at the `end`, after the last delimiter, or the `start`.
        name: The name of the file in messages.
        delimiter: What stands between text and label.
        header: As in `Form`.
    """
    kept = [(number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    divide = str.rpartition if side == "end" else str.partition
    cells = [divide(line, delimiter)[::2] for _, line in kept]
    findings, proposed = [], {}
    names: Sequence[str] = ("1", "2") if header == "none" else header or ()
    if header in (None, "first"):
        names, rows = cells[0], [list(column) for column in zip(*cells[1:], strict=True)]
        if header is None and looks_like_data(names, rows):
            findings, proposed = [report_no_header(names, name)], {"header": "none"}
        cells, kept = cells[1:], kept[1:]
    if len(set(names)) != 2:
        raise DataError(
            f"{name} has two columns: texts and labels.",
            received=f"data.header=[{', '.join(names)}]",
            hint="data.header=[text, label] or data.header=none",
        )
    columns = dict(zip(names, zip(*cells, strict=True), strict=True))
    return Table(columns, [number for number, _ in kept], (), tuple(findings), proposed)
