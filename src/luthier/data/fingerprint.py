"""One number for the content of rows, so that two runs can tell whether they saw the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from luthier.records import Rows


def fingerprint(rows: Rows) -> str:
    """Compute the sha256 of columns and values, in hexadecimal.

    It depends on the names, types, values and order of the rows, not on the order of the columns,
    nor on the files that the rows come from.
    """
    digest = hashlib.sha256(f"{len(rows)} rows".encode())
    for name in sorted(rows.columns):
        digest.update(_lay_out([name, _as_list(rows[name])]))
    return digest.hexdigest()


def _as_list(values: Sequence[Any]) -> list[Any]:
    return values if isinstance(values, list) else list(values)


def _lay_out(value: Any) -> bytes:
    """Write a value as ASCII JSON, which also takes lone surrogates and NaN.

    What JSON cannot hold (dates, bytes, NumPy numbers) is written with its type's name.
    """
    return json.dumps(value, ensure_ascii=True, default=_spell).encode()


def _spell(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return f"{type(value).__name__}: {value}"
