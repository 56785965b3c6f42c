"""Reads fields within cells as columns of their own: `data.text` of `{"data": {"text": …}}`.

A name of a column with points in it is a path: of names in objects, and of places in lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from luthier.data.cells import structure_of

Columns = Mapping[str, Sequence[Any]]
SOME = 50  # cells that show which fields a column has


def with_fields(columns: Columns, names: Iterable[str]) -> Columns:
    """Add the fields within cells that are asked for, where no column has that name.

    >>> with_fields({"data": [{"text": "a"}, {}]}, ["data.text"])["data.text"]
    ['a', None]
    """
    found = dict(columns)
    for name in names:
        head, _, path = name.partition(".")
        if name not in columns and path and head in columns:
            cells = [_at(cell, path) for cell in columns[head]]
            if any(cell is not None for cell in cells):
                found[name] = cells
    return found


def unfolded(columns: Columns) -> Columns:
    """Replace columns of objects by a column for each of their fields, at any depth.

    >>> list(unfolded({"id": [1], "row": [{"text": "a", "meta": {"year": 2}}]}))
    ['id', 'row.text', 'row.meta.year']
    """
    found: dict[str, Sequence[Any]] = {}
    for name, cells in columns.items():
        shown = [cell for cell in cells[:SOME] if cell is not None]
        if shown and all(isinstance(cell, Mapping) for cell in shown):
            fields = dict.fromkeys(f"{name}.{key}" for cell in shown for key in cell)
            deeper = {one: [_at(cell, one[len(name) + 1 :]) for cell in cells] for one in fields}
            found |= unfolded(deeper)
        else:
            found[name] = cells
    return found


def _at(cell: Any, path: str) -> Any:
    """Follow a path into a cell; None if it leads nowhere."""
    cell = structure_of(cell)
    if isinstance(cell, Mapping) and path in cell:
        return cell[path]
    head, _, rest = path.partition(".")
    if isinstance(cell, Mapping):
        inner = cell.get(head)
    elif isinstance(cell, (list, tuple)) and head.isdigit() and int(head) < len(cell):
        inner = cell[int(head)]
    else:
        return None
    return _at(inner, rest) if rest else inner
