"""Images and sounds of requests: what their files hold, in Base64; never a path of this machine."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError

COST = 256  # tokens that an image or a sound stands for in the queue


def with_content(row: Mapping[str, Any], media: Sequence[str]) -> dict[str, Any]:
    """Decode the images and sounds of a row; `data:image/png;base64,…` is read as well.

    Args:
        row: Column to cell.
        media: Columns of images and sounds.

    Raises:
        DataError: A cell is something else, such as a path: who asks does not choose what is read.

    >>> with_content({"photo": "data:image/png;base64,aGk=", "title": "soup"}, ["photo"])
    {'photo': b'hi', 'title': 'soup'}
    """
    return {
        role: _decoded(role, cell) if role in media and cell not in (None, "") else cell
        for role, cell in row.items()
    }


def _decoded(role: str, cell: Any) -> bytes:
    if isinstance(cell, str):
        start, _, rest = cell.partition(",")
        given = rest if start.startswith("data:") and start.endswith(";base64") else cell
        try:
            return base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):  # the second: letters beyond ASCII
            pass
    raise DataError(
        "A request holds an image or a sound as its file in Base64.",
        received=f"{role}: {str(cell)[:40]!r}",
        hint=f'"{role}": "iVBORw0KGgo…"',
    )
