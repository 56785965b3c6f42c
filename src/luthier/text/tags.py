"""Tag schemes of sequence labelling: from tags to spans of words, and back.

IOB1    B- only where an entity follows another of its type     Ramshaw & Marcus 1995
IOB2    B- begins every entity                                  Tjong Kim Sang & Veenstra 1999
BILOU   also L- for the last word, U- for the only one          Ratinov & Roth 2009
IOBES   the same with E- and S-
IO      types alone, behind I- or nothing
plain   tags that are no spans, such as parts of speech
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from luthier.records import Array

Span = tuple[int, int, str]  # first word, one past the last, type
OUTSIDE = "O"
PREFIXES = {
    "IOB1": "IB",
    "IOB2": "IB",
    "IO": "I",
    "BILOU": "BILU",
    "IOBES": "IBES",
}
ENDS = {"BILOU": ("L", "U"), "IOBES": ("E", "S")}


def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag at its first hyphen.

    >>> split_tag("B-work-of-art"), split_tag("O")
    (('B', 'work-of-art'), ('O', ''))
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """Find out the scheme from the tags that occur and how they follow one another."""
    prefixes: set[str] = set()
    n_after_outside = {"B": 0, "I": 0}  # how entities begin
    is_span = True
    for tags in sentences:
        before, kind_before = OUTSIDE, ""
        for tag in tags:
            prefix, kind = split_tag(tag)
            if tag != OUTSIDE:
                is_span = is_span and len(prefix) == 1 and prefix in "BILOUES" and kind != ""
                prefixes.add(prefix)
                begins = before == OUTSIDE or kind != kind_before
                if begins and prefix in n_after_outside:
                    n_after_outside[prefix] += 1
            before, kind_before = prefix, kind
    if not is_span or not prefixes:
        return "IOB2" if not prefixes and is_span else "plain"
    if prefixes & {"L", "U"}:
        return "BILOU"
    if prefixes & {"E", "S"}:
        return "IOBES"
    if "B" not in prefixes:
        return "IO"
    return "IOB1" if n_after_outside["I"] > n_after_outside["B"] else "IOB2"


def begins(prefix: str, kind: str, before: str, kind_before: str, scheme: str) -> bool:
    """Say whether an entity begins with a tag, given the tag before it."""
    if prefix in ("B", "U", "S"):
        return True
    if before == OUTSIDE or kind != kind_before:
        return True
    return scheme in ENDS and before in ENDS[scheme]


def spans_of_tags(tags: Sequence[str], scheme: str = "IOB2") -> list[Span]:
    """Read the spans; a tag that may not stand where it does begins one, as conlleval has it.

    >>> spans_of_tags(["B-PER", "I-PER", "O", "B-LOC"])
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    spans: list[Span] = []
    start, before, kind_before = 0, OUTSIDE, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = split_tag(tag)
        new = tag != OUTSIDE and begins(prefix, kind, before, kind_before, scheme)
        if before != OUTSIDE and (tag == OUTSIDE or new):
            spans.append((start, place, kind_before))
        if new:
            start = place
        before, kind_before = prefix, kind
    return spans


def tags_of_spans(spans: Iterable[Span], n_words: int, scheme: str = "IOB2") -> list[str]:
    """Write spans as tags.

    Raises:
        ValueError: Two spans overlap, or one is empty or outside the words.

    >>> tags_of_spans([(0, 2, "PER")], 3)
    ['B-PER', 'I-PER', 'O']
    """
    tags = [OUTSIDE] * n_words
    last: Span | None = None
    for first, past, kind in sorted(spans):
        if not 0 <= first < past <= n_words or any(tag != OUTSIDE for tag in tags[first:past]):
            raise ValueError(f"span {first}–{past} overlaps another one or is outside the words")
        for place in range(first, past):
            tags[place] = f"I-{kind}"
        touches = last is not None and last[1] == first and last[2] == kind
        if scheme in ("IOB2", "BILOU", "IOBES") or (scheme == "IOB1" and touches):
            tags[first] = f"B-{kind}"
        if scheme in ENDS:
            end, single = ENDS[scheme]
            tags[past - 1] = f"{single if past - first == 1 else end}-{kind}"
        last = (first, past, kind)
    return tags


def convert(tags: Sequence[str], from_scheme: str, to_scheme: str = "IOB2") -> list[str]:
    """Write tags of one scheme in another."""
    return tags_of_spans(spans_of_tags(tags, from_scheme), len(tags), to_scheme)


def stray_tags(tags: Sequence[str], scheme: str) -> list[int]:
    """Find the places of tags that may not stand there.

    >>> stray_tags(["O", "I-PER", "I-LOC"], "IOB2")
    [1, 2]
    """
    stray = []
    before, kind_before = OUTSIDE, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = split_tag(tag)
        is_open = before in ("B", "I") and kind == kind_before
        if scheme == "IOB2":
            wrong = prefix == "I" and not is_open
        elif scheme == "IOB1":
            wrong = prefix == "B" and not is_open
        elif scheme in ENDS:
            end, _ = ENDS[scheme]
            wrong = (prefix in ("I", end)) != is_open and (
                prefix in ("I", end) or before in ("B", "I")
            )
        else:
            wrong = False
        if wrong and place < len(tags):
            stray.append(place)
        elif wrong:  # an entity that the sentence ends without closing
            stray.append(place - 1)
        before, kind_before = prefix, kind
    return sorted(set(stray))


def may_follow(names: Sequence[str]) -> Array:
    """Say which IOB2 tag may follow which.

    Returns:
        (labels + 1, labels) of bool: row i is what may follow tag i; the last row is what may
        begin a sentence.
    """
    parts = [split_tag(name) for name in names]
    allowed = np.ones((len(names) + 1, len(names)), dtype=bool)
    for after, (prefix, kind) in enumerate(parts):
        if prefix == "I":
            for before, (_, kind_before) in enumerate(parts):
                allowed[before, after] = kind_before == kind
            allowed[-1, after] = False
    return allowed
