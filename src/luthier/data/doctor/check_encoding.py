"""The doctor's checks of characters: wrong decoding, control characters, leftover HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from luthier.data.doctor.split_view import Chart, finding, text_places
from luthier.results import Finding

# The characters of bytes 80 to BF in cp1252, where the second byte of a UTF-8 pair lands; without
# closing quotes and the ellipsis, which stand after a capital in sound texts ("CAFÉ”").
_SECOND = "\x80-\xbf€‚ƒ„†‡ˆ‰Š‹ŒŽ•–—˜™š›œžŸ"
_MOJIBAKE = (
    "\ufffd",  # what decoders write for bytes that they cannot read
    "[\x80-\x84\x86-\x9f]",  # control characters that only a wrong code page makes; not \x85
    f"Ã[{_SECOND}]|Â[\x80-\xbf]",  # é read as cp1252: Ã©
    f"â[€„†ˆ‰˜™š›œž‚\x80-\x9f](?:[{_SECOND}’”“‘…¢¦]|\\b|$)",  # ’ read as cp1252: â€™
    "ðŸ|ï»¿|ï¿½",  # emoji, byte-order mark, U+FFFD
    f"(?:[ÐÑ][{_SECOND}’”“‘…]){{2}}",  # Cyrillic
    "‰Û|‚Ä[ôúùìî¶¢]|√[©®†°¢±´∂ß∫ºª]|äó[ì»îïÖ_]|Õ¢_|’¢_",  # Mac pages, once or twice
    "[A-Za-z]Ã\x83|Ã¢|Å“|â‚¬",  # twice over
)
DAMAGE = re.compile("|".join(_MOJIBAKE))
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|[lr]squo|[lr]dquo|#x?\w+);")
TAG = re.compile(r"</?(?:br|p|div|span|a|b|i|em|strong|li|ul|ol|img|h[1-6])\b[^<>]*>", re.I)


def _finds(pattern: re.Pattern[str]) -> object:
    return lambda value: isinstance(value, str) and pattern.search(value) is not None


def check_encoding(charts: Sequence[Chart]) -> list[Finding]:
    """Find mojibake: texts that were decoded with the wrong code page, here or upstream."""
    places = text_places(charts, _finds(DAMAGE))
    shown = ""
    if places:
        chart, index, role = places[0]
        text = str(chart.rows[role][index])
        at = DAMAGE.search(text)
        start = at.start() if at else 0
        shown = f", such as {text[max(0, start - 8) : start + 8]!r}"
    return finding(
        "encoding-damage",
        "warning",
        f"{{n}} with characters that a wrong decoding made{shown} ({{splits}}).",
        places,
        "name the file's true encoding (data.encoding=utf-8, say), or export it anew as UTF-8",
    )


def check_control(charts: Sequence[Chart]) -> list[Finding]:
    """Find control characters, zero bytes among them."""
    places = text_places(charts, _finds(CONTROL))
    fix = "remove them from the file: tr -d '\\000-\\010\\013\\014\\016-\\037'"
    message = "{n} with control characters in the text ({splits})."
    return finding("control-characters", "warning", message, places, fix)


def check_html(charts: Sequence[Chart]) -> list[Finding]:
    """Find HTML entities (`&amp;`), which a tokenizer cuts into pieces."""
    places = text_places(charts, _finds(ENTITY))
    fix = "unescape them before training: html.unescape"
    return finding(
        "html-entities", "note", "{n} with HTML entities such as &amp; ({splits}).", places, fix
    )


def check_tags(charts: Sequence[Chart]) -> list[Finding]:
    """Find HTML tags."""
    places = text_places(charts, _finds(TAG))
    fix = "strip them before training, unless they mean something"
    return finding("html-tags", "note", "{n} with HTML tags ({splits}).", places, fix)


CHECKS = (check_encoding, check_control, check_html, check_tags)
