"""Refuses lines and cells without end, before they are read into memory.

Between two line ends, or two marks of a format that may be a single line, stand at most
`data.max_row_bytes` bytes. `read.py` asks before a file is read, and again for its cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from luthier.errors import DataError

MAX_ROW_BYTES = 1 << 24
BLOCK = 1 << 20
LINE_ENDS = (b"\n", b"\r")
MARKS: Mapping[str, tuple[bytes, ...]] = {  # of formats that are not read line by line
    "json": (b'"',),
    "tmx": (b"<",),
    "xliff": (b"<",),
    "labelled": (),
    "brat": (),
}
TABLES = ("parquet", "arrow", "webdataset", "image", "audio")  # their own readers are bounded


def refuse_endless(path: Path, kind: str, *, name: str, max_bytes: int) -> None:
    """Raise if a line of a file, or a text in it, is too long; little of it is held in memory.

    Args:
        path: The path of the file.
        kind: The format of the file.
        name: The name of the file in messages.
        max_bytes: The most bytes from one line end, or mark of the format, to the next.

    Raises:
        DataError: A line or a text is longer.
    """
    try:
        n_bytes = path.stat().st_size
        if kind in TABLES or n_bytes <= max_bytes:
            return
        line = _endless_line(path, MARKS.get(kind, LINE_ENDS), max_bytes)
    except OSError:
        return  # whoever reads it says why it cannot be opened
    if line is not None:
        what = "text" if kind in MARKS else "line"
        received = f"{name}:{line} has more; the file has {n_bytes:,}"
        raise too_long(what, received, name=name, max_bytes=max_bytes, enough=n_bytes)


def refuse_long_cells(
    columns: Mapping[str, Sequence[object]], lines: Sequence[int], *, name: str, max_bytes: int
) -> None:
    """Raise if a cell that was read is longer than a row may be.

    Raises:
        DataError: A cell is longer.
    """
    for column, cells in columns.items():
        for line, cell in zip(lines, cells, strict=False):
            if isinstance(cell, (str, bytes)) and len(cell) > max_bytes:
                received = f"{name}:{line}:{column} has {len(cell):,}"
                raise too_long(
                    "cell", received, name=name, max_bytes=max_bytes, enough=4 * len(cell)
                )


def too_long(what: str, received: str, *, name: str, max_bytes: int, enough: int) -> DataError:
    """Make the error for a line, text or cell that is too long, with a limit that is enough."""
    return DataError(
        f"{name}: a {what} may have at most {max_bytes:,} bytes.",
        received=received,
        hint=f"end each row with a line end; or, if it is meant, data.max_row_bytes={enough}",
    )


def _endless_line(path: Path, marks: Sequence[bytes], most: int) -> int | None:
    """Return the line in which more than `most` bytes without a mark begin."""
    begun = position = 0
    line = n_lines = 1
    with path.open("rb") as file:
        while block := file.read(min(BLOCK, most)):  # so none within a block are too many
            first = min((at for mark in marks if (at := block.find(mark)) >= 0), default=len(block))
            last = max((block.rfind(mark) for mark in marks), default=-1)
            if position + first - begun > most:
                return line
            if last >= 0:
                begun = position + last + 1
                line = n_lines + block.count(b"\n", 0, last + 1)
            n_lines += block.count(b"\n")
            position += len(block)
    return None
