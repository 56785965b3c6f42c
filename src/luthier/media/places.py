"""Where the images and sounds of rows are: paths beside the rows, which stay in their folder.

    cell ─► source (a path, bytes or an array) ─► images.py, sounds.py

A cell is a path, bytes, an array, or a mapping with `bytes` or `path`, as `datasets` writes it to
Parquet. A path in a file of rows is relative to `data.media`, or to the folder of that file, and
must not lead out of it: who wrote the file does not choose what is read on this machine. A path
that a program gives is taken as it is, or is below `data.media` if there is no such file.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import DataError

MEDIA = ("image", "audio")  # kinds of input whose cells name files
IN_PROGRAM = ("memory", "memory:", "texts", "toy")  # names of rows that no file holds


def sources_of(
    cells: Sequence[Any], files: Sequence[str], where: Sequence[str], media: str | None
) -> list[Any]:
    """Find what to open for every cell.

    Args:
        cells: The cells of one column, (rows,).
        files: The file of every row, (rows,).
        where: The place of every row, as errors name it, (rows,).
        media: The folder that paths are relative to; None: that of the row's file.

    Returns:
        A path, bytes or an array for each row; None where a cell is empty.

    Raises:
        DataError: A cell is none of these, or a path leads out of its folder.
    """
    found = []
    for cell, file, place in zip(cells, files, where, strict=True):
        if file.startswith(IN_PROGRAM):
            source = source_of(cell, None, place)
            if media and isinstance(source, str) and not os.path.exists(source):
                source = os.path.join(media, source)
        else:
            source = source_of(cell, media or os.path.dirname(file) or ".", place)
        found.append(source)
    return found


def source_of(cell: Any, folder: str | None, where: str) -> Any:
    """Find what to open for a cell; None where it is empty.

    Args:
        cell: The cell.
        folder: The folder that its path is relative to; None: it is taken as it is.
        where: The place of the row.
    """
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, float) and np.isnan(cell):
        return None
    if isinstance(cell, (bytes, np.ndarray)):
        return cell
    if hasattr(cell, "convert") and hasattr(cell, "size"):  # an image of Pillow
        return np.asarray(cell.convert("RGB"))
    if isinstance(cell, list):
        return np.asarray(cell)
    if not isinstance(cell, (str, Path)):
        raise DataError(
            f"The cell at {where} is neither the path of a file nor what it holds.",
            received=f"{type(cell).__name__}: {repr(cell)[:60]}",
            hint="a path, bytes or an array",
        )
    return path_in(folder, str(cell).strip(), where)


def path_in(folder: str | None, name: str, where: str) -> str:
    """Join a path to its folder, which it must not leave.

    Raises:
        DataError: It is absolute, an address, or leads out of the folder, be it by a link.
    """
    if folder is None and "://" not in name:
        return name
    steps = name.replace("\\", "/")
    is_out = "://" in steps or steps.startswith("/") or ":" in steps[:2] or "\0" in steps
    path = os.path.join(folder or ".", steps)
    if not is_out and folder is not None:
        inside, reached = os.path.realpath(folder), os.path.realpath(path)
        is_out = os.path.commonpath([inside, reached]) != inside
    if is_out:
        raise DataError(
            f"The path at {where} leads out of the folder of the media.",
            received=name[:200],
            hint=f"a path below {folder}; data.media=FOLDER says which folder that is",
        )
    return path


def named(source: Any) -> str:
    """Name a source in errors."""
    return source if isinstance(source, str) else f"{type(source).__name__} in memory"
