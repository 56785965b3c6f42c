"""A digest of the content of rows, which tells whether two runs used the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from luthier.records import Rows


def fingerprint(rows: Rows) -> str:
    """Compute the SHA-256 of columns and values, in hexadecimal.

    The digest depends on the names, types, values and order of the rows. It depends neither on the
    order of the columns nor on the files that the rows come from.
    """
    digest = hashlib.sha256(f"{len(rows)} rows".encode())
    for name in sorted(rows.columns):
        digest.update(_serialize([name, _as_list(rows[name])]))
    return digest.hexdigest()


def cell_digest(cell: object) -> bytes:
    """Compute the SHA-256 of a cell of any kind: a path, numbers, an array, an image."""
    return hashlib.sha256(_serialize(cell)).digest()


def row_digests(rows: Rows, columns: Sequence[str]) -> list[str]:
    """Compute a digest of every row's cells in some columns; equal rows have equal ones."""
    cells = zip(*(rows[name] for name in columns), strict=True)
    return [cell_digest([_to_plain(one) for one in row]).hex()[:32] for row in cells]


def _to_plain(cell: object) -> object:
    return list(cell) if isinstance(cell, tuple) else cell


def _as_list(values: Sequence[object]) -> list[object]:
    return values if isinstance(values, list) else list(values)


def _serialize(value: object) -> bytes:
    """Write a value as ASCII JSON, which can also hold lone surrogates and NaN.

    Values that JSON has no type for (dates, bytes, NumPy numbers) are written with their type.
    """
    return json.dumps(value, ensure_ascii=True, default=_to_json).encode()


def _to_json(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if hasattr(value, "tobytes"):  # an image: its repr names an address in memory
        size = getattr(value, "size", None)
        return f"{type(value).__name__} {size}: {hashlib.sha256(value.tobytes()).hexdigest()}"
    return f"{type(value).__name__}: {value}"
