"""Make control characters in data visible, so that a terminal does not execute them."""

from __future__ import annotations

import unicodedata

KEPT = "\n\t"


def visible(words: str) -> str:
    r"""Replace control characters, which could colour, erase or retitle, by visible symbols.

    >>> visible("red: \x1b[31m, bell: \x07")
    'red: ␛[31m, bell: ␇'
    """
    return "".join(map(_shown, words))


def _shown(sign: str) -> str:
    if sign in KEPT or unicodedata.category(sign) != "Cc":
        return sign
    code = ord(sign)
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "�"
