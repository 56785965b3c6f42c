"""Tag schemes of sequence labelling: converts tags to spans of words and back.

IOB1    B- only where an entity follows another of its type     Ramshaw & Marcus 1995
IOB2    B- begins every entity                                  Tjong Kim Sang & Veenstra 1999
BILOU   also L- for the last word, U- for the only one          Ratinov & Roth 2009
IOBES   the same with E- and S-
IO      I- before every type
plain   tags that do not mark spans, such as parts of speech
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from luthier.ragged import Array

Span = tuple[int, int, str]  # first word, one past the last, type
OUTSIDE = "O"
PREFIXES = {"IOB1": "IB", "IOB2": "IB", "IO": "I", "BILOU": "BILU", "IOBES": "IBES"}
ENDS = {"BILOU": ("L", "U"), "IOBES": ("E", "S")}  # the last word of several, and the only one
WITHIN = {"IOB1": "B", "IOB2": "I", "IO": "", "BILOU": "IL", "IOBES": "IE"}  # continue a span


def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag at its first hyphen.

    >>> split_tag("B-work-of-art"), split_tag("O")
    (('B', 'work-of-art'), ('O', ''))
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def with_prefixes(tags: Sequence[str]) -> list[str]:
    """Write tags that name types alone as IO has them.

    >>> with_prefixes(["PER", "O", "I-LOC"])
    ['I-PER', 'O', 'I-LOC']
    """
    return [tag if tag == OUTSIDE or tag.startswith("I-") else f"I-{tag}" for tag in tags]


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """Infer the scheme from the prefixes that occur and from how entities begin.

    >>> detect_scheme([["I-PER", "O", "I-LOC", "B-LOC"]]), detect_scheme([["NOUN", "VERB"]])
    ('IOB1', 'plain')
    """
    prefixes: set[str] = set()
    n_first: Counter[str] = Counter()  # prefixes of words whose type differs from the last word's
    for tags in sentences:
        for (_, kind_before), (prefix, kind) in pairwise(map(split_tag, [OUTSIDE, *tags])):
            if prefix == OUTSIDE and not kind:
                continue
            if prefix not in set("BILUES") or not kind:
                return "plain"
            prefixes.add(prefix)
            n_first[prefix] += kind != kind_before
    if prefixes & {"L", "U"}:
        return "BILOU"
    if prefixes & {"E", "S"}:
        return "IOBES"
    if prefixes == {"I"}:
        return "IO"
    return "IOB1" if n_first["I"] > n_first["B"] else "IOB2"


def _begins(prefix: str, kind: str, before: str, kind_before: str, scheme: str) -> bool:
    if prefix in ("B", "U", "S"):
        return True
    if before == OUTSIDE or kind != kind_before:
        return True
    return scheme in ENDS and before in ENDS[scheme]


def spans_of_tags(tags: Sequence[str], scheme: str = "IOB2", *, strict: bool = False) -> list[Span]:
    """Convert tags to spans.

    A tag that its scheme does not allow there (an I- after O, say) begins a span, as in conlleval.
    With `strict`, such a tag of IOB2 is ignored, as in seqeval's strict mode.

    >>> spans_of_tags(["B-PER", "I-PER", "O", "B-LOC"])
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    spans: list[Span] = []
    start, before, kind_before = 0, OUTSIDE, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = split_tag(tag)
        new = tag != OUTSIDE and _begins(prefix, kind, before, kind_before, scheme)
        if before != OUTSIDE and (tag == OUTSIDE or new):
            spans.append((start, place, kind_before))
        if new and strict and prefix == "I":
            prefix, kind, new = OUTSIDE, "", False
        if new:
            start = place
        before, kind_before = prefix, kind
    return spans


def tags_of_spans(spans: Iterable[Span], n_words: int, scheme: str = "IOB2") -> list[str]:
    """Convert spans to tags.

    Raises:
        ValueError: Two spans overlap, or a span is empty or lies outside the words.

    >>> tags_of_spans([(0, 2, "PER")], 3)
    ['B-PER', 'I-PER', 'O']
    """
    tags = [OUTSIDE] * n_words
    last: Span | None = None
    for first, past, kind in sorted(spans):
        if not 0 <= first < past <= n_words or any(tag != OUTSIDE for tag in tags[first:past]):
            raise ValueError(f"span {first}–{past} overlaps another one or lies outside the words")
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
    """Convert tags of one scheme to another."""
    return tags_of_spans(spans_of_tags(tags, from_scheme), len(tags), to_scheme)


def stray_tags(tags: Sequence[str], scheme: str) -> list[int]:
    """Find the places of tags that their scheme does not allow there.

    These are tags that continue an entity where there is none, tags that begin an entity of several
    words which is not continued, and tags that the scheme does not have.

    >>> stray_tags(["O", "I-PER", "I-LOC"], "IOB2"), stray_tags(["B-PER", "O"], "BILOU")
    ([1, 2], [0])
    """
    if scheme == "plain":
        return []
    parts = [split_tag(tag) for tag in (OUTSIDE, *tags, OUTSIDE)]
    stray = []
    for place, (before, here, after) in enumerate(zip(parts, parts[1:], parts[2:], strict=False)):
        (prefix, kind), within = here, WITHIN[scheme]
        is_continued = before[0] in ("B", "I") and before[1] == kind
        is_followed = after[0] in set(within) and after[1] == kind
        is_known = prefix == OUTSIDE or prefix in PREFIXES[scheme]
        is_left_open = scheme in ENDS and prefix in ("B", "I") and not is_followed
        if not is_known or (prefix in within and not is_continued) or is_left_open:
            stray.append(place)
    return stray


def may_follow(names: Sequence[str]) -> Array:
    """Determine which IOB2 tag may follow which.

    Args:
        names: The tags, in index order.

    Returns:
        Booleans, (labels + 1, labels): row i marks the tags that may follow tag i, the last row
        those that may begin a sentence.
    """
    parts = [split_tag(name) for name in names]
    allowed = np.ones((len(names) + 1, len(names)), dtype=bool)
    for after, (prefix, kind) in enumerate(parts):
        if prefix == "I":
            for before, (_, kind_before) in enumerate(parts):
                allowed[before, after] = kind_before == kind
            allowed[-1, after] = False
    return allowed
