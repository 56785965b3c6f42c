"""Reads texts with marked spans, in the forms of the usual tools for labelling.

    {"start": 5, "end": 9, "label": "PER"}                  also `start_offset`, `type`, `entity`
    [5, 9, "PER"]                                           doccano's and spaCy's
    {"result": [{"value": {"start": 5, …, "labels": […]}}]} Label Studio's annotations

Offsets count characters, or what `task.options.offsets` says: programs in JavaScript and Java count
UTF-16 units, of which an emoji has two, and others bytes of UTF-8. Spans that cut words tell of it.
Beside lists of tokens they may count tokens, to one past the last or to the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, Literal

import numpy as np

from luthier.data.cells import structure_of
from luthier.errors import DataError
from luthier.records import Rows
from luthier.results import Finding
from luthier.text.tags import tags_of_spans
from luthier.text.words import Border, split_words, word_range, words_around

Offsets = Literal["characters", "utf-16", "bytes", "tokens", "tokens-inclusive"]
Span = tuple[int, int, str]  # first, past, label
PLACES = 5  # places that a finding names
UNITS = {"utf-16": ("utf-16-le", 2), "bytes": ("utf-8", 1)}  # encoding, bytes of a unit
STARTS, ENDS = ("start", "start_offset", "begin", "from"), ("end", "end_offset", "to")
LABELS = ("label", "type", "entity", "labels", "entity_type", "tag")
OF_TOKENS = (
    "tokens",
    "tokens-inclusive",
)  # offsets that count tokens; the end past the last, or it
FEW = 0.02  # share of spans that may cut words, as parts of compounds do, without a warning


def is_spans(cell: object) -> bool:
    """Say whether a cell holds marked spans.

    >>> is_spans([[5, 9, "PER"]]), is_spans([{"start": 5, "end": 9}]), is_spans(["PER", "O"])
    (True, True, False)
    """
    cell = structure_of(cell)
    if not isinstance(cell, (list, tuple)) or len(cell) == 0:
        return False
    first = cell[0]
    if isinstance(first, Mapping):
        return "result" in first or any(name in first for name in STARTS)
    is_triple = isinstance(first, (list, tuple)) and len(first) >= 3
    return is_triple and all(isinstance(end, int) for end in first[:2])


def from_spans(
    texts: Sequence[object], cells: Sequence[object], rows: Rows, *, offsets: Offsets
) -> tuple[list[list[Border]], list[list[str] | None], list[Finding]]:
    """Split texts into words, also at the borders of spans, and tag them.

    Returns:
        The characters of each word, the tags in IOB2 (None for a row without spans), and findings.

    Raises:
        DataError: A cell holds no spans, or two of them overlap.
    """
    words: list[list[Border]] = []
    tags: list[list[str] | None] = []
    read: list[tuple[int, str, list[Span]]] = []  # row, text, spans as they are written
    for index, (text, cell) in enumerate(zip(texts, cells, strict=True)):
        text = "" if text is None else str(text)
        if cell is None:
            words.append(split_words(text))
            tags.append(None)
            continue
        where = rows.where(index)
        written = read_spans(cell, where)
        read.append((index, text, written))
        spans = [_placed(one, text, where, offsets) for one in written]
        cut, tagged = _tagged(text, sorted(spans), where)
        words.append(cut)
        tags.append(tagged)
    return words, tags, _cut_words(read, rows, offsets)


def tags_of_tokens(cell: object, n_tokens: int, where: str, *, offsets: Offsets) -> list[str]:
    """Tag the tokens of a row by spans whose offsets count tokens.

    Raises:
        DataError: A span does not lie within the tokens, or two of them overlap.

    >>> tags_of_tokens([[0, 1, "PER"]], 3, "a.json:1", offsets="tokens-inclusive")
    ['B-PER', 'I-PER', 'O']
    """
    more = int(offsets == "tokens-inclusive")
    spans = sorted((first, past + more, label) for first, past, label in read_spans(cell, where))
    for first, past, label in spans:
        if not 0 <= first < past <= n_tokens:
            others = " or ".join(one for one in ("characters", *OF_TOKENS) if one != offsets)
            raise DataError(
                f"A span at {where} does not lie within its tokens.",
                received=f"{first} to {past - more} ({label}), {n_tokens} tokens",
                hint=f"task.options.offsets={others}, if that is what they count",
            )
    try:
        return tags_of_spans(spans, n_tokens, "IOB2")
    except ValueError:
        raise _overlap(
            where, ", ".join(f"{a} to {b - more} {label}" for a, b, label in spans)
        ) from None


def _overlap(where: str, received: str) -> DataError:
    return DataError(
        f"Two entities at {where} overlap, but a word can have only one tag.",
        received=received[:100],
        hint="keep one of them",
    )


def _tagged(text: str, spans: Sequence[Span], where: str) -> tuple[list[Border], list[str]]:
    cut = words_around(text, [(first, past) for first, past, _ in spans])
    inside = []
    for first, past, label in spans:
        begin, end = word_range(cut, first, past)
        if begin < end:
            inside.append((begin, end, label))
    try:
        return cut, tags_of_spans(inside, len(cut), "IOB2")
    except ValueError:
        shown = ", ".join(f"{text[a:b]!r} {label}" for a, b, label in spans)
        raise _overlap(where, shown) from None


def read_spans(cell: object, where: str) -> list[Span]:
    """Read the spans of a cell as they are written.

    Raises:
        DataError: A cell holds no spans.
    """
    return [_span(one, where) for one in _spans(cell, where)]


def _spans(cell: object, where: str) -> list[object]:
    cell = structure_of(cell)
    if isinstance(cell, Mapping) and "entities" in cell:
        cell = cell["entities"]
    if not isinstance(cell, (list, tuple)):
        raise DataError(
            f"The spans at {where} are not a list.",
            received=repr(cell)[:60],
            hint='[{"start": 5, "end": 9, "label": "PER"}]',
        )
    if cell and isinstance(cell[0], Mapping) and "result" in cell[0]:
        results = cell[0]["result"] or ()  # of the first annotator
        return [one["value"] for one in results if _is_marked(one)]
    return list(cell)


def _is_marked(result: object) -> bool:
    value = result.get("value") if isinstance(result, Mapping) else None
    return isinstance(value, Mapping) and "start" in value and "labels" in value


def _span(one: object, where: str) -> Span:
    """Read one span as it is written: a mapping, or (start, end, label)."""
    if isinstance(one, Mapping):
        parts: list[Any] = [
            next((one[name] for name in names if name in one), None)
            for names in (STARTS, ENDS, LABELS)
        ]
    else:
        parts = list(one)[:3] if isinstance(one, (list, tuple, np.ndarray)) else [None]
    if len(parts) == 3 and isinstance(parts[2], (list, tuple)) and parts[2]:
        parts[2] = parts[2][0]
    is_whole = len(parts) == 3 and all(isinstance(end, (int, np.integer)) for end in parts[:2])
    if not is_whole or not isinstance(parts[2], str):
        raise DataError(
            f"A span at {where} has no start, end and label.",
            received=f"{one!r}"[:80],
            hint='{"start": first character, "end": last character + 1, "label": "PER"}',
        )
    return int(parts[0]), int(parts[1]), parts[2]


def _placed(span: Span, text: str, where: str, offsets: Offsets) -> Span:
    """Turn the offsets of a span into characters."""
    found = characters(span, text, offsets)
    if found is None:
        raise DataError(
            f"A span at {where} does not lie within its text.",
            received=f"{span[0]} to {span[1]} ({span[2]}), text of {len(text)} characters",
            hint="offsets of characters, the end one past the last; or task.options.offsets=utf-16",
        )
    return found


def characters(span: Span, text: str, offsets: Offsets) -> Span | None:
    """Turn offsets into characters; None if the span does not lie between characters of its text.

    >>> characters((3, 6, "PER"), "😀 Ada", "utf-16")
    (2, 5, 'PER')
    """
    first, past, label = span
    if offsets != "characters":
        encoding, size = UNITS[offsets]
        lengths = (len(sign.encode(encoding, "surrogatepass")) // size for sign in text)
        places = {at: index for index, at in enumerate(accumulate(lengths, initial=0))}
        first, past = places.get(first, -1), places.get(past, -1)
    return (first, past, label) if 0 <= first < past <= len(text) else None


def _cuts(text: str, span: Span, borders: set[int]) -> bool:
    """Say whether a span begins or ends inside a word or beside a blank that belongs to none."""
    first, past, _ = span
    return first not in borders or past not in borders


def _n_cut(
    read: Sequence[tuple[int, str, list[Span]]], offsets: Offsets, *, shift: int = 0
) -> tuple[int, list[int]]:
    """Count the spans that would cut words, and list their rows."""
    n_cut, at = 0, []
    for index, text, written in read:
        borders = {border for word in split_words(text) for border in word}
        moved = [(first + shift, past + shift, label) for first, past, label in written]
        found = [characters(one, text, offsets) for one in moved]
        cutting = sum(one is None or _cuts(text, one, borders) for one in found)
        if cutting:
            n_cut += cutting
            at.append(index)
    return n_cut, at


def _cut_words(
    read: Sequence[tuple[int, str, list[Span]]], rows: Rows, offsets: Offsets
) -> list[Finding]:
    """Report spans that cut words, and how the offsets may be meant."""
    n_spans = sum(len(written) for _, _, written in read)
    n_cut, at = _n_cut(read, offsets)
    if n_cut == 0:
        return []
    others: list[tuple[int, str]] = []
    for reading in ("characters", "utf-16", "bytes"):
        if reading != offsets:
            others.append((_n_cut(read, reading)[0], f"task.options.offsets={reading}"))
    for shift in (-1, 1):
        count = _n_cut(read, offsets, shift=shift)[0]
        others.append((count, f"offsets that are {'smaller' if shift < 0 else 'larger'} by one"))
    fewest, cure = min(others, key=itemgetter(0))  # of equals an option, which needs no other file
    fix = "check the offsets; parts of compounds and words with endings are fine"
    if fewest <= n_cut / 2:
        fix = f"{cure}: then {fewest} would"
    message = f"{n_cut} of {n_spans} marked spans begin or end inside a word."
    severity = "warning" if fewest <= n_cut / 2 or n_cut > FEW * n_spans else "note"
    places = tuple(f"{rows.where(index)}:spans" for index in at[:PLACES])
    return [Finding("cut-words", severity, message, n_cut, places, fix)]
