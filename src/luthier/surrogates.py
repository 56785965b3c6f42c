"""Halves of surrogate pairs: JSON and command lines can hold them, UTF-8 and tokenizers cannot."""

from __future__ import annotations

import re
from typing import Any

_LONE = re.compile("[\ud800-\udfff]")


def without_surrogates(value: Any, instead: str = "\ufffd") -> Any:
    """Put a replacement for each half of a surrogate pair, in lists and mappings too.

    >>> without_surrogates(["a" + chr(0xD83D), 3], "?")
    ['a?', 3]
    """
    if isinstance(value, str):
        return _LONE.sub(instead, value)
    if isinstance(value, list):
        return [without_surrogates(part, instead) for part in value]
    if isinstance(value, dict):
        return {
            without_surrogates(key, instead): without_surrogates(part, instead)
            for key, part in value.items()
        }
    return value
