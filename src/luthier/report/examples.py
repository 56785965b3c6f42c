"""What the page shows of answers that are more than a label: entities, answers, written texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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
AROUND = 160  # characters of a context shown around its answers


def entities(facts: Facts) -> dict[str, Any] | None:
    """Set true and found entities side by side in their texts, and count the errors by kind."""
    found = facts.analysis.get("entities")
    if not found:
        return None
    counts = found.get("counts") or {}
    most = max(counts.values(), default=0)
    return {
        "n_gold": count(found.get("n_gold")),
        "n_answers": count(found.get("n_answers")),
        "n_wrong_rows": found.get("n_wrong_rows") or 0,
        "kinds": [
            {"name": words, "n": counts.get(kind, 0), "share": 100 * counts.get(kind, 0) / most}
            for kind, words in KINDS.items()
            if most
        ],
        "rows": [
            {
                "where": row.get("where"),
                "gold": marked(row.get("text") or "", row.get("gold") or []),
                "answer": marked(row.get("text") or "", row.get("answer") or []),
                "errors": ", ".join(_errors(row.get("errors") or [])),
                "n": len(row.get("errors") or []),
            }
            for row in found.get("rows") or []
        ],
    }


def _errors(errors: Iterable[dict[str, Any]]) -> Iterable[str]:
    counted: dict[str, int] = {}
    for error in errors:
        counted[str(error.get("kind"))] = counted.get(str(error.get("kind")), 0) + 1
    return (f"{n} {kind}" for kind, n in counted.items())


def marked(text: str, spans: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Cut a text into parts that are marked with a label, and parts that are not.

    >>> marked("Ada sings", [[0, 3, "PER"]])
    [{'text': 'Ada', 'label': 'PER'}, {'text': ' sings', 'label': None}]
    """
    parts: list[dict[str, Any]] = []
    at = 0
    for first, past, label in sorted((int(a), int(b), str(kind)) for a, b, kind in spans):
        if first < at:
            continue
        if first > at:
            parts.append({"text": text[at:first], "label": None})
        parts.append({"text": text[first:past], "label": label})
        at = past
    if at < len(text):
        parts.append({"text": text[at:], "label": None})
    return parts


def answers(facts: Facts) -> dict[str, Any] | None:
    """Mark true and given answers in their contexts, the worst first."""
    found = facts.analysis.get("answers")
    if not found or not found.get("rows"):
        return None
    return {
        "n": found.get("n") or 0,
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
            for row in found["rows"]
        ],
    }


def _in_context(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Mark every character of a context as true, given or both, and cut what is far from both."""
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
    parts: list[dict[str, Any]] = []
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


def generations(facts: Facts) -> dict[str, Any] | None:
    """Set written texts beside sources and references, the least alike first."""
    found = facts.analysis.get("generations")
    if not found or not found.get("rows"):
        return None
    rows = found["rows"]
    return {
        "n": found.get("n") or 0,
        "signatures": found.get("signatures") or {},
        "spread": _spread(found.get("histogram") or {}),
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


def _spread(histogram: dict[str, Any]) -> Any:
    """Draw how many texts have which chrF."""
    edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
    if len(edges) != len(counts) + 1:
        return ""
    return figures.histogram(edges, counts, label="All texts by their chrF", height=220)
