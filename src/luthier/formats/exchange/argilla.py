"""Argilla's records, as `dataset.records.to_json` writes them: fields, and responses by question.

    {"id": …, "fields": {"text": …}, "responses": {"label": [{"value": "good", "user_id": "…"}]}}

Suggestions are what a model said, and no answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError
from luthier.formats.exchange.answers import (
    Answer,
    Record,
    by_text,
    refuse_outside,
    same_kind,
    text_id,
)

SUBMITTED = ("submitted", None)  # of responses that count
NOBODY = "None"  # how a response of nobody names its user


def knows(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Recognise records by their fields and responses."""
    return "fields" in columns and "responses" in columns


def read(records: Sequence[Record]) -> list[Answer]:
    """Read the responses of all users to the one question that there is.

    Raises:
        DataError: There are several questions, a record has no text, or a span lies outside it.
    """
    asked = {
        name for one in records for name, given in (one.get("responses") or {}).items() if given
    }
    if len(asked) > 1:
        raise DataError(
            "Argilla's records answer several questions.",
            received=", ".join(sorted(asked)),
            hint="export the answers to one of them",
        )
    given: list[tuple[str | None, str, str | None, Any]] = []
    for one in records:
        for responses in (one.get("responses") or {}).values():
            for response in responses or ():
                if response.get("status", SUBMITTED[0]) in SUBMITTED:
                    who = text_id(response.get("user_id"))
                    value = response["value"]
                    given.append(
                        (text_id(one.get("id")), _text(one), None if who == NOBODY else who, value)
                    )
    if any(
        isinstance(value, list) and value and isinstance(value[0], Mapping) for *_, value in given
    ):
        return [
            Answer(name, text, who, "spans", tuple(_spans(value, text)))
            for name, text, who, value in given
        ]
    if all(isinstance(value, str) for *_, value in given):
        return [Answer(name, text, who, "label", value) for name, text, who, value in given]
    listed = [[value] if isinstance(value, str) else list(value) for *_, value in given]
    answers = same_kind([(*one[:3], names) for one, names in zip(given, listed, strict=True)])
    return [
        Answer(one.id, one.text, one.annotator, "labels", (one.value,))
        if one.kind == "label"
        else one
        for one in answers
    ]


def _text(record: Record) -> str:
    fields = record.get("fields") or {}
    texts = [value for value in fields.values() if isinstance(value, str)]
    text = fields.get("text", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise DataError(
            f"Record {record.get('id')} of Argilla has no text.",
            received=f"fields {', '.join(map(str, fields)) or 'none'}",
            hint="a field called text",
        )
    return text


def _spans(value: Sequence[Mapping[str, Any]], text: str) -> list[tuple[int, int, str]]:
    spans = [(int(one["start"]), int(one["end"]), str(one["label"])) for one in value]
    return sorted(refuse_outside(one, text, "Argilla's file") for one in spans)


def write(answers: Sequence[Answer]) -> list[Record]:
    """Write a record for each text, with the responses of all annotators."""
    records: list[Record] = []
    for number, ((name, text), given) in enumerate(by_text(answers).items(), start=1):
        responses = [{"value": _value(one), "user_id": str(one.annotator)} for one in given]
        records.append(
            {
                "id": str(number) if name is None else name,
                "fields": {"text": text},
                "metadata": {},
                "suggestions": {},
                "responses": {given[0].kind: responses},
                "vectors": {},
            }
        )
    return records


def _value(answer: Answer) -> Any:
    if answer.kind == "spans":
        return [{"start": a, "end": b, "label": name} for a, b, name in answer.value]
    return answer.value if answer.kind == "label" else list(answer.value)


def left_out(records: Sequence[Record]) -> int:
    """Count responses that were not submitted: drafts, and what was discarded."""
    return sum(
        response.get("status", SUBMITTED[0]) not in SUBMITTED
        for one in records
        for responses in (one.get("responses") or {}).values()
        for response in responses or ()
    )
