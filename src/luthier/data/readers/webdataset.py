"""Reads WebDataset archives: files in a .tar, of which those with one stem are a row.

    0001.jpg, 0001.cls, 0001.json ─► image (bytes), label, and a column for each field

https://github.com/webdataset/webdataset. A stem ends at the first dot of a name. Nothing is
extracted: of a plain archive, which unpacks to no more than it has, the regular files are read.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from luthier.data.readers.delimited import Table
from luthier.errors import DataError
from luthier.media import images, sounds
from luthier.media.files import MOST_BYTES

MOST_HELD = 4 << 30  # bytes of all files of an archive, which are held in memory
MOST_FILES = 2_000_000
TEXTS = {"txt": "text", "text": "text", "cls": "label", "cls2": "label_2", "transcript": "text"}


def read_webdataset(path: Path, *, name: str) -> Table:
    """Read an archive.

    Args:
        path: The archive.
        name: Its name in messages.

    Returns:
        A row for each stem, in the order of the archive; its line is its number.

    Raises:
        DataError: It is no plain archive, or holds more than may be read.
    """
    rows: dict[str, dict[str, Any]] = {}
    left: set[str] = set()
    for stem, ending, held in _files(path, name):
        row = rows.setdefault(stem, {})
        kind = ending.rpartition(".")[2]
        if kind == "json":
            row |= _fields(held, f"{name}:{stem}.{ending}")
        elif f".{kind}" in (*images.ENDINGS, *sounds.ENDINGS):
            usual = "image" if f".{kind}" in images.ENDINGS else "audio"
            row[ending.rpartition(".")[0] or usual] = held
        elif kind in TEXTS:
            text = held.decode("utf-8", "replace").strip()
            row[ending.rpartition(".")[0] or TEXTS[kind]] = text
        else:
            left.add(ending)
    names = list(dict.fromkeys(column for row in rows.values() for column in row))
    if not names:
        raise DataError(
            f"{name} holds no rows of WebDataset.",
            received=f"files ending in {', '.join(sorted(left)) or 'nothing'}"[:200],
            hint="files such as 0001.jpg beside 0001.cls, or 0001.json",
        )
    columns = {column: [row.get(column) for row in rows.values()] for column in names}
    note = f"files ending in {', '.join(sorted(left)[:8])} are not read"
    return Table(columns, list(range(1, len(rows) + 1)), (note,) if left else ())


def _files(path: Path, name: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the stem, the ending and the content of every regular file."""
    held = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive):
                held += member.size if member.isreg() else 0
                if member.size > MOST_BYTES or held > MOST_HELD or number >= MOST_FILES:
                    raise DataError(
                        f"{name} holds more than is read: 50 MiB a file, 4 GiB in all.",
                        received=f"{member.name[:100]} of {member.size:,} bytes",
                        hint="smaller archives: data.train=[a.tar, b.tar]",
                    )
                folder, _, last = member.name.rpartition("/")
                stem, dot, ending = last.partition(".")
                if not member.isreg() or not dot or not stem:
                    continue
                file = archive.extractfile(member)
                yield f"{folder}/{stem}", ending.lower(), b"" if file is None else file.read()
    except (tarfile.TarError, OSError, EOFError, ValueError) as problem:
        raise DataError(
            f"{name} cannot be read as a plain .tar archive.",
            received=str(problem)[:200],
            hint="write it again without compression, or copy it again",
        ) from problem


def _fields(held: bytes, where: str) -> dict[str, Any]:
    """Read the fields of a JSON object."""
    try:
        found = json.loads(held)
    except (ValueError, RecursionError) as problem:
        found = problem
    if not isinstance(found, dict):
        raise DataError(
            f"{where} is no JSON object.",
            received=str(found)[:100],
            hint='an object, such as {"label": "cat"}',
        )
    return found
