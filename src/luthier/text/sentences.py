"""From text to sentences, roughly: what ends with a stop, a question or an exclamation mark.

Good enough for baselines; a full stop of an abbreviation ends a sentence here too.
"""

from __future__ import annotations

import regex

END = regex.compile(r"(?<=[.!?…][\"'”’)\]]*)\s+(?=\S)|(?<=[。！？])|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Find the sentences, as spans of characters.

    >>> [("One. Two! Three")[a:b] for a, b in sentences("One. Two! Three")]
    ['One.', 'Two!', 'Three']
    """
    spans, start = [], 0
    for match in END.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return [(a, b) for a, b in spans if text[a:b].strip()]
