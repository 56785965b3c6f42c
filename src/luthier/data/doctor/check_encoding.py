"""The doctor's checks of characters: wrong decoding, control characters, leftover HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ftfy.badness import BADNESS_RE

from luthier.data.doctor.split_view import SplitView, finding, text_places
from luthier.results import Finding

# What ftfy does not count as damage: U+FFFD, which decoders write for bytes that they cannot read,
# and punctuation that was decoded with a Mac code page, once or twice.
_MORE_DAMAGE = re.compile("\ufffd|‰Û|äó[ì»îïÖ_]|Õ¢_|’¢_")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|[lr]squo|[lr]dquo|#x?\w+);")
TAG = re.compile(r"</?(?:br|p|div|span|a|b|i|em|strong|li|ul|ol|img|h[1-6])\b[^<>]*>", re.I)


def find_damage(text: object) -> re.Match[str] | None:
    """Find the first characters that a decoding with the wrong code page has left.

    >>> find_damage("CafÃ© was closed").span(), find_damage("Café was open")
    ((2, 5), None)
    """
    if not isinstance(text, str) or text.isascii():
        return None
    return BADNESS_RE.search(text) or _MORE_DAMAGE.search(text)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.search(value) is not None


def check_encoding(views: Sequence[SplitView]) -> list[Finding]:
    """Find mojibake: texts that were decoded with the wrong code page, here or upstream."""
    places = text_places(views, lambda value: find_damage(value) is not None)
    shown = ""
    if places:
        view, index, role = places[0]
        text = str(view.rows[role][index])
        damage = find_damage(text)
        start = damage.start() if damage else 0
        shown = f", such as {text[max(0, start - 8) : start + 8]!r}"
    return finding(
        "encoding-damage",
        "warning",
        f"{{n}} with characters that come from a wrong decoding{shown} ({{splits}}).",
        places,
        "set the file's true encoding (data.encoding=utf-8, say), or export it again as UTF-8",
    )


def check_control(views: Sequence[SplitView]) -> list[Finding]:
    """Find control characters, including zero bytes."""
    places = text_places(views, _matches(CONTROL))
    fix = "remove them from the file: tr -d '\\000-\\010\\013\\014\\016-\\037'"
    message = "{n} with control characters in the text ({splits})."
    return finding("control-characters", "warning", message, places, fix)


def check_html(views: Sequence[SplitView]) -> list[Finding]:
    """Find HTML entities (`&amp;`), which a tokenizer splits into several tokens."""
    places = text_places(views, _matches(ENTITY))
    fix = "unescape them before training: html.unescape"
    return finding(
        "html-entities", "note", "{n} with HTML entities such as &amp; ({splits}).", places, fix
    )


def check_tags(views: Sequence[SplitView]) -> list[Finding]:
    """Find HTML tags."""
    places = text_places(views, _matches(TAG))
    fix = "strip them before training, unless they carry meaning"
    return finding("html-tags", "note", "{n} with HTML tags ({splits}).", places, fix)


CHECKS = (check_encoding, check_control, check_html, check_tags)
