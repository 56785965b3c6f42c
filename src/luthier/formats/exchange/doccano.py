"""doccano's JSON Lines: `label` or `labels`, of names or of [first, past, name]; or `entities`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.data.cells import structure_of
from luthier.formats.exchange.answers import (
    Answer,
    Record,
    labels_of,
    refuse_outside,
    same_kind,
    text_id,
)

WHO = "annotator"  # a field of our own, which doccano keeps with the text


def knows(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Recognise lists of labels, or of spans, beside a text."""
    if "text" not in columns:
        return False
    if "entities" in columns:
        return True
    cells = next((columns[one] for one in ("label", "labels") if one in columns), ())
    return len(cells) > 0 and all(isinstance(cell, list) for cell in cells)


def read(records: Sequence[Record]) -> list[Answer]:
    """Read texts with their labels or spans.

    Raises:
        DataError: A span does not lie within its text.
    """
    given = [(text_id(one.get("id")), str(one["text"]), _who(one), _cell(one)) for one in records]
    if any(not isinstance(part, str) for _, _, _, cell in given for part in cell):
        return [
            Answer(name, text, who, "spans", tuple(sorted(_span(one, text) for one in cell)))
            for name, text, who, cell in given
        ]
    is_marked = any("entities" in one for one in records)
    if is_marked:
        return [Answer(name, text, who, "spans", ()) for name, text, who, _ in given]
    return same_kind(given)


def _who(record: Record) -> str | None:
    return text_id(record.get(WHO))


def _cell(record: Record) -> list[Any]:
    found: Any = next(
        (record[one] for one in ("label", "labels", "entities") if record.get(one)), []
    )
    found = structure_of(found)
    return [found] if isinstance(found, str) else list(found)


def _span(one: Any, text: str) -> tuple[int, int, str]:
    if isinstance(one, Mapping):
        one = (one["start_offset"], one["end_offset"], one["label"])
    return refuse_outside((int(one[0]), int(one[1]), str(one[2])), text, "doccano's file")


def write(answers: Sequence[Answer]) -> list[Record]:
    """Write a line for each answer."""
    records: list[Record] = []
    for one in answers:
        is_spans = one.kind == "spans"
        label = [list(span) for span in one.value] if is_spans else labels_of(one)
        record: dict[str, Any] = {"text": one.text, "label": label}
        record |= {} if one.id is None else {"id": int(one.id) if one.id.isdecimal() else one.id}
        records.append(record if one.annotator is None else {**record, WHO: one.annotator})
    return records


def left_out(records: Sequence[Record]) -> int:
    """Count nothing: what doccano exports was answered."""
    return 0
