"""Make control characters in data visible, so that a terminal does not execute them."""

from __future__ import annotations

import unicodedata

KEPT = "\n\t"
JOINERS = "\u200c\u200d"  # of emoji and of Indic and Arabic letters
UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (such as bidi overrides), line ends


def visible(words: str) -> str:
    r"""Replace characters that colour, erase, retitle, hide or turn around by visible symbols.

    >>> visible("red: \x1b[31m, bell: \x07, turned: \u202e")
    'red: ␛[31m, bell: ␇, turned: �'
    """
    return "".join(map(_shown, words))


def escaped(text: str) -> str:
    r"""Escape the same characters in JSON, which reads back as it was.

    >>> escaped('"\u202e"')
    '"\\u202e"'
    """
    return "".join(sign if _is_safe(sign) else _escape(sign) for sign in text)


def _is_safe(sign: str) -> bool:
    return sign in KEPT or sign in JOINERS or unicodedata.category(sign) not in UNSAFE


def _escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _shown(sign: str) -> str:
    if _is_safe(sign):
        return sign
    code = ord(sign)
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "�"
