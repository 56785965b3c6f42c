"""Reads `.txt` and `.md` files to a column `text`: one row for each line that is not blank.

Lines that begin with labels are fastText's (`fasttext.py`). Other readers of text files also use
`open_text` and `lines_of`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from luthier.data.readers.delimited import Table
from luthier.data.readers.encoding import Decoded, decode
from luthier.data.readers.fasttext import is_fasttext, table_of_fasttext
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
    """Make a row of every line that is not blank.

    Raises:
        DataError: All lines are blank.
    """
    kept = [(number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    if not kept:
        raise DataError(f"{name} is empty.", received="no lines", hint="one text on every line")
    numbers, texts = [number for number, _ in kept], [line for _, line in kept]
    if is_fasttext(texts):
        return table_of_fasttext(texts, numbers)
    return Table({"text": texts}, numbers)
