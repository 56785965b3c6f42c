"""Splits text into sentences, roughly, at full stops, question marks and exclamation marks.

This is good enough for baselines. The full stop of an abbreviation also ends a sentence.
"""

from __future__ import annotations

import regex

END = regex.compile(r"(?<=[.!?…][\"'”’)\]]*)\s+(?=\S)|(?<=[。！？])|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the sentences as spans of characters.

    >>> [("One. Two! Three")[a:b] for a, b in sentences("One. Two! Three")]
    ['One.', 'Two!', 'Three']
    """
    spans, start = [], 0
    for match in END.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return [(a, b) for a, b in spans if text[a:b].strip()]
