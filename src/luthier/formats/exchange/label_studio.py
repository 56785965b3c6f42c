"""Label Studio's JSON export: tasks with annotations, each of a user, each with results.

Its offsets come from a browser, which counts UTF-16 units: an emoji has two. Files that programs
made may count characters. A result keeps the text that it marks, by which the two are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError
from luthier.formats.exchange.answers import (
    Answer,
    Record,
    Span,
    by_text,
    labels_of,
    same_kind,
    text_id,
)
from luthier.formats.marked_spans import characters

FROM, TO = "label", "text"  # names of the controls that results belong to


def knows(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Recognise tasks by their data and annotations."""
    return "data" in columns and ("annotations" in columns or "completions" in columns)


def read(records: Sequence[Record]) -> list[Answer]:
    """Read tasks; annotations that were cancelled say nothing.

    Raises:
        DataError: A task has no text, or a span marks other words than it says.
    """
    given: list[tuple[str | None, str, str | None, list[Mapping[str, Any]]]] = []
    for record in records:
        name, text = text_id(record.get("id")), _text(record)
        for one in record.get("annotations") or record.get("completions") or ():
            if not one.get("was_cancelled"):
                results = list(one.get("result") or ())
                given.append((name, text, _who(one.get("completed_by")), results))
    kinds = {str(one.get("type")) for _, _, _, results in given for one in results}
    if "labels" in kinds:
        utf16 = any(_is_utf16(text, one) for _, text, _, found in given for one in found)
        return [
            Answer(name, text, who, "spans", tuple(_spans(text, results, utf16)))
            for name, text, who, results in given
        ]
    return same_kind([(name, text, who, _choices(one)) for name, text, who, one in given])


def _text(record: Record) -> str:
    data = record.get("data") or {}
    texts = [value for value in data.values() if isinstance(value, str)]
    text = data.get("text", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise DataError(
            f"Task {record.get('id')} of Label Studio has no text.",
            received=f"data with {', '.join(map(str, data)) or 'nothing'}",
            hint="a field of the data called text",
        )
    return text


def _who(completed_by: Any) -> str | None:
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("email", completed_by.get("id"))
    return text_id(completed_by)


def _choices(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for one in results for name in (one.get("value") or {}).get("choices", ())]


def _marked(result: Mapping[str, Any]) -> Span | None:
    value = result.get("value") or {}
    if "start" not in value or not value.get("labels"):
        return None
    return int(value["start"]), int(value["end"]), str(value["labels"][0])


def _is_utf16(text: str, result: Mapping[str, Any]) -> bool:
    """Say whether a result marks its text only if offsets count UTF-16 units."""
    span, kept = _marked(result), (result.get("value") or {}).get("text")
    if span is None or kept is None or _same(text[span[0] : span[1]], kept):
        return False
    found = characters(span, text, "utf-16")
    return found is not None and _same(text[found[0] : found[1]], kept)


def _same(one: str, other: str) -> bool:
    """Compare texts; browsers write line ends in their own way."""
    return one.replace("\r\n", "\n") == other.replace("\r\n", "\n")


def _spans(text: str, results: Sequence[Mapping[str, Any]], utf16: bool) -> list[Span]:
    found = []
    for result in results:
        span = _marked(result)
        if span is None:
            continue
        placed = characters(span, text, "utf-16" if utf16 else "characters")
        kept = (result.get("value") or {}).get("text")
        if placed is None or (kept is not None and not _same(text[placed[0] : placed[1]], kept)):
            raise DataError(
                "A span of Label Studio marks other words than it says.",
                received=f"{span[0]} to {span[1]} ({span[2]}), {str(kept)[:40]!r} in {text[:40]!r}",
                hint="the text was changed after it was labelled: export data and labels together",
            )
        found.append(placed)
    return sorted(found)


def write(answers: Sequence[Answer]) -> list[Record]:
    """Write tasks, with an annotation for each answer."""
    tasks: list[Record] = []
    for number, ((name, text), given) in enumerate(by_text(answers).items(), start=1):
        annotations = [_annotation(text, one) for one in given]
        task_id: Any = number if name is None else int(name) if name.isdecimal() else name
        tasks.append({"id": task_id, "data": {"text": text}, "annotations": annotations})
    return tasks


def _annotation(text: str, answer: Answer) -> dict[str, Any]:
    by: Any = answer.annotator
    if by is not None:
        by = int(by) if by.isdecimal() else {"email": by}
    if answer.kind == "spans":
        results = [_region(text, span) for span in answer.value]
    else:
        control = {"from_name": FROM, "to_name": TO, "type": "choices"}
        choices = labels_of(answer)
        results = [{**control, "value": {"choices": choices}}] if choices else []
    annotation: dict[str, Any] = {"was_cancelled": False, "result": results}
    return annotation if by is None else {"completed_by": by, **annotation}


def _region(text: str, span: Span) -> dict[str, Any]:
    first, past, label = span
    start, end = (len(text[:at].encode("utf-16-le", "surrogatepass")) // 2 for at in (first, past))
    value = {"start": start, "end": end, "text": text[first:past], "labels": [label]}
    return {"from_name": FROM, "to_name": TO, "type": "labels", "value": value}


def left_out(records: Sequence[Record]) -> int:
    """Count annotations that were cancelled."""
    return sum(
        bool(one.get("was_cancelled"))
        for record in records
        for one in record.get("annotations") or record.get("completions") or ()
    )
