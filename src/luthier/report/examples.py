"""Prepare panels of answers that are more than a label: entities, answers, generated texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from luthier.declarations import JSON
from luthier.report import figures
from luthier.report.facts import Facts
from luthier.report.formatting import count, number, share

KINDS = {
    "missed": "missed",
    "spurious": "found where there is none",
    "type": "of another type",
    "boundary": "with other borders",
    "both": "with other borders and type",
}
MOST_DEEP = 8  # marks inside one another that are drawn
AROUND = 160  # characters of a context shown around its answers


def entities(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Show true and found entities side by side in their texts, and count errors by kind."""
    if not data:
        return None
    counts = data.get("counts") or {}
    most = max(counts.values(), default=0)
    rows = [_row_of_entities(row) for row in data.get("rows") or []]
    return {
        "n_gold": count(data.get("n_gold")),
        "n_answers": count(data.get("n_answers")),
        "n_wrong_rows": data.get("n_wrong_rows") or 0,
        "kinds": [
            {"name": words, "n": counts.get(kind, 0), "share": 100 * counts.get(kind, 0) / most}
            for kind, words in KINDS.items()
            if most
        ],
        "rows": [row for row, _ in rows],
        "n_undrawn": sum(n_undrawn for _, n_undrawn in rows),
    }


def _row_of_entities(row: dict[str, JSON]) -> tuple[dict[str, JSON], int]:
    """Mark the entities of one row; count those that cannot be drawn."""
    text, errors = row.get("text") or "", row.get("errors") or []
    gold, n_gold_undrawn = marked(text, row.get("gold") or [])
    answer, n_undrawn = marked(text, row.get("answer") or [])
    said = ", ".join(_errors(errors))
    shown = {"where": row.get("where"), "gold": gold, "answer": answer, "errors": said}
    return shown | {"n": len(errors)}, n_gold_undrawn + n_undrawn


def _errors(errors: Iterable[dict[str, JSON]]) -> Iterable[str]:
    counted: dict[str, int] = {}
    for error in errors:
        counted[str(error.get("kind"))] = counted.get(str(error.get("kind")), 0) + 1
    return (f"{n} {kind}" for kind, n in counted.items())


@dataclass(frozen=True)
class Part:
    """A part of a text.

    Args:
        text: The part itself.
        label: What it is marked with; None for text between marks.
        parts: The same text again, cut by the marks inside this one; empty where there are none.
    """

    text: str
    label: str | None = None
    parts: tuple[Part, ...] = ()


Span = tuple[int, int, str]  # first character, one past the last, label


def marked(text: str, spans: Sequence[Sequence[JSON]]) -> tuple[tuple[Part, ...], int]:
    """Cut a text into parts that are marked with a label, and parts that are not.

    Marks may lie inside one another. Of two that cross, the later is cut in two at the end of the
    earlier, and an ellipsis in its label says so.

    Returns:
        The parts, and how many spans are not drawn: those without a character in the text, and
        those inside more than 8 others.

    >>> marked("Ada sings", [[0, 3, "PER"]])
    ((Part(text='Ada', label='PER', parts=()), Part(text=' sings', label=None, parts=())), 0)
    """
    inside = [(max(0, int(a)), min(len(text), int(b)), str(label)) for a, b, label in spans]
    drawn = [span for span in inside if span[0] < span[1]]
    too_deep: list[Span] = []
    parts = _parts(text, (0, len(text)), drawn, too_deep)
    return parts, len(spans) - len(drawn) + len(too_deep)


def _parts(
    text: str, within: tuple[int, int], spans: list[Span], too_deep: list[Span], depth: int = 0
) -> tuple[Part, ...]:
    """Cut a stretch of a text by the spans that lie in it."""
    at, end = within
    if depth == MOST_DEEP:
        too_deep += spans
        spans = []
    parts: list[Part] = []
    waiting = sorted(spans, key=_place)
    while waiting:
        first, past, label = waiting.pop(0)
        if first > at:
            parts.append(Part(text[at:first]))
        inner = [span for span in waiting if span[0] < past]
        crossing = [span for span in inner if span[1] > past]
        rest = [(past, b, f"… {name.removeprefix('… ')}") for _, b, name in crossing]
        waiting = sorted([*(span for span in waiting if span[0] >= past), *rest], key=_place)
        inner = [
            (a, past, f"{name.removesuffix(' …')} …") if b > past else (a, b, name)
            for a, b, name in inner
        ]
        cut = _parts(text, (first, past), inner, too_deep, depth + 1) if inner else ()
        parts.append(Part(text[first:past], label, cut))
        at = past
    if at < end:
        parts.append(Part(text[at:end]))
    return tuple(parts)


def _place(span: Span) -> tuple[int, int, str]:
    return span[0], -span[1], span[2]


def answers(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Mark true and predicted answers in their contexts, the worst first."""
    if not data or not data.get("rows"):
        return None
    return {
        "n": data.get("n") or 0,
        "rows": [
            {
                "where": row.get("where"),
                "question": row.get("question"),
                "context": _in_context(row),
                "gold": row.get("gold_texts") or [],
                "answer": row.get("answer_text"),
                "f1": share(row.get("f1"), digits=0),
                "value": row.get("f1"),
            }
            for row in data["rows"]
        ],
    }


def _in_context(row: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Mark each character of a context as true, predicted or both; truncate far from both."""
    text = str(row.get("context") or "")
    kinds = [0] * len(text)
    for first, past in row.get("gold") or []:
        for place in range(max(first, 0), min(past, len(text))):
            kinds[place] |= 1
    first, past = row.get("answer") or (-1, -1)
    for place in range(max(first, 0), min(past, len(text)) if first >= 0 else 0):
        kinds[place] |= 2
    inside = [place for place, kind in enumerate(kinds) if kind]
    start = max(0, (inside[0] if inside else 0) - AROUND)
    end = min(len(text), (inside[-1] if inside else 0) + AROUND)
    parts: list[dict[str, JSON]] = []
    for place in range(start, end):
        name = (None, "true", "given", "both")[kinds[place]]
        if parts and parts[-1]["kind"] == name:
            parts[-1]["text"] += text[place]
        else:
            parts.append({"text": text[place], "kind": name})
    if start > 0:
        parts.insert(0, {"text": "… ", "kind": None})
    if end < len(text):
        parts.append({"text": " …", "kind": None})
    return parts


def generations(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Show generated texts beside sources and references, the least similar first."""
    if not data or not data.get("rows"):
        return None
    rows = data["rows"]
    return {
        "n": data.get("n") or 0,
        "signatures": data.get("signatures") or {},
        "spread": _spread(data.get("histogram") or {}),
        "rows": [
            {
                "where": row.get("where"),
                "source": row.get("source"),
                "gold": row.get("gold"),
                "answer": row.get("answer"),
                "chrf": number(row.get("chrf")),
                "value": row.get("chrf"),
            }
            for row in rows
        ],
    }


def _spread(histogram: dict[str, JSON]) -> Markup:
    """Draw the distribution of chrF over the texts."""
    edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
    if len(edges) != len(counts) + 1:
        return Markup("")
    return figures.histogram(edges, counts, label="All texts by their chrF", height=220)
