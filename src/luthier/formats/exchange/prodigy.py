"""Prodigy's JSON Lines: `answer` says what became of a task, `accept` which options were chosen.

Spans count characters; beside them stand tokens, of which `token_end` is the last, not one past it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.formats.exchange.answers import (
    Answer,
    Record,
    Span,
    all_labels,
    labels_of,
    refuse_outside,
    same_kind,
    text_id,
)
from luthier.text.words import split_words, word_range, words_around

ACCEPTED, ANSWERS = "accept", {"accept", "reject", "ignore"}


def knows(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Recognise tasks that were accepted, rejected or ignored."""
    return "text" in columns and "answer" in columns and set(columns["answer"]) <= ANSWERS


def read(records: Sequence[Record]) -> list[Answer]:
    """Read accepted tasks; what was rejected or ignored says nothing of what would be right.

    Raises:
        DataError: A span does not lie within its text.
    """
    kept = [one for one in records if one.get("answer", ACCEPTED) == ACCEPTED]
    given = [(_id(one), str(one["text"]), _who(one)) for one in kept]
    if any(one.get("spans") is not None for one in kept):
        return [
            Answer(name, text, who, "spans", tuple(_spans(one, text)))
            for (name, text, who), one in zip(given, kept, strict=True)
        ]
    chosen = [
        list(one["accept"]) if one.get("accept") is not None else [one["label"]]
        for one in kept
        if one.get("accept") is not None or one.get("label") is not None
    ]
    return same_kind(
        [(*one, [str(name) for name in labels]) for one, labels in zip(given, chosen, strict=True)]
    )


def _id(record: Record) -> str | None:
    return text_id((record.get("meta") or {}).get("id", record.get("id")))


def _who(record: Record) -> str | None:
    return text_id(record.get("_annotator_id") or record.get("_session_id"))


def _spans(record: Record, text: str) -> list[Span]:
    spans = record.get("spans") or ()
    read_spans = [(int(one["start"]), int(one["end"]), str(one["label"])) for one in spans]
    return sorted(refuse_outside(one, text, "Prodigy's file") for one in read_spans)


def write(answers: Sequence[Answer]) -> list[Record]:
    """Write an accepted task for each answer."""
    options = all_labels(one for one in answers if one.kind != "spans")
    listed = [{"id": name, "text": name} for name in options]
    records: list[Record] = []
    for one in answers:
        record: dict[str, Any] = {"text": one.text}
        if one.kind == "spans":
            record |= _with_tokens(one.text, one.value)
        else:
            record |= {"options": listed, "accept": labels_of(one)}
        record |= {} if one.id is None else {"meta": {"id": one.id}}
        record |= {} if one.annotator is None else {"_annotator_id": one.annotator}
        records.append({**record, "answer": ACCEPTED})
    return records


def _with_tokens(text: str, spans: Sequence[Span]) -> dict[str, Any]:
    words = words_around(text, [span[:2] for span in spans]) if spans else split_words(text)
    tokens = [
        {"text": text[a:b], "start": a, "end": b, "id": at, "ws": text[b : b + 1] == " "}
        for at, (a, b) in enumerate(words)
    ]
    marked = []
    for first, past, label in spans:
        begin, end = word_range(words, first, past)
        where = {"token_start": begin, "token_end": end - 1} if end > begin else {}
        marked.append({"start": first, "end": past, "label": label, **where})
    return {"tokens": tokens, "spans": marked}


def left_out(records: Sequence[Record]) -> int:
    """Count tasks that were rejected or ignored."""
    return sum(one.get("answer", ACCEPTED) != ACCEPTED for one in records)
