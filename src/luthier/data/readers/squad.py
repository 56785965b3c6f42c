"""Converts SQuAD's nested JSON to one row for each question.

    {"data": [{"title": …, "paragraphs": [{"context": …, "qas": [{"id": …, "question": …,
     "answers": [{"text": …, "answer_start": …}], "is_impossible": …}]}]}]}

Articles may also stand in a list of their own or on a line each, and so may their paragraphs.
Rajpurkar et al. 2016 and 2018 ("SQuAD: 100,000+ Questions", "Know What You Don't Know"); versions
1.1, in which every question has an answer, and 2.0. Called by `json_files.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from luthier.data.readers.delimited import Table
from luthier.errors import DataError

KINDS = {list: "[…]", dict: "{…}", str: '"…"', int: "17", bool: "true"}


def is_squad(items: Sequence[object], *, member: str = "") -> bool:
    """Return whether items are articles with paragraphs that are asked about, or such paragraphs.

    Articles in a member `data` are known by the name of their paragraphs.

    >>> is_squad([{"context": "Ada.", "qas": []}]), is_squad([{"paragraphs": ["Ada."]}])
    (True, False)
    """
    objects = [item for item in items if isinstance(item, dict)]
    parts = [part for item in objects for part in _listed(item.get("paragraphs"))]
    is_asked = any(isinstance(part, dict) and "qas" in part for part in [*objects, *parts])
    return is_asked or (member == "data" and any("paragraphs" in item for item in objects))


def _listed(parts: object) -> list[object]:
    return parts if isinstance(parts, list) else []


def table_of_squad(items: Sequence[object], *, name: str, member: str = "") -> Table:
    """Make a row of each question, numbered in order.

    Args:
        items: The articles, or their paragraphs.
        name: The name of the file in messages.
        member: The member of the file's object that has them; empty: the file itself is a list.

    Returns:
        Columns id, title, context, question, answers and is_impossible; without the last two if no
        question has answers (questions to predict).

    Raises:
        DataError: A member is missing; the error names its place, `data[3].paragraphs[0].qas[2]`.
    """
    asked = list(_questions(items, name, member))
    if not asked:
        raise DataError(
            f"{name} has no questions.",
            received=f"{len(items)} articles",
            hint='"qas": [{"id": "…", "question": "…", "answers": […]}]',
        )
    rows = [row for _, row, _ in asked]
    if any("answers" in question or question.get("is_impossible") for _, _, question in asked):
        for place, row, question in asked:
            row |= _answers(question, place, name)
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    return Table(columns, list(range(1, len(rows) + 1)), ("SQuAD: each row is a question",))


def _questions(
    items: Sequence[object], name: str, member: str
) -> Iterator[tuple[str, dict[str, object], Mapping[str, object]]]:
    """Iterate over (place, row without answers, question as written)."""
    for where, title, paragraph in _paragraphs(items, name, member):
        context = _part(paragraph, "context", str, where, name)
        for q, question in enumerate(_part(paragraph, "qas", list, where, name)):
            place = f"{where}.qas[{q}]"
            words = _part(question, "question", str, place, name)
            row = {
                "id": str(question.get("id", place)),
                "title": title,
                "context": context,
                "question": words,
            }
            yield place, row, question


def _paragraphs(
    items: Sequence[object], name: str, member: str
) -> Iterator[tuple[str, str, object]]:
    """Iterate over (place, title, paragraph); an item is one itself, or an article of several."""
    for index, item in enumerate(items):
        where = f"{member}[{index}]"
        title = str(item.get("title") or "") if isinstance(item, dict) else ""
        if isinstance(item, dict) and "qas" in item:
            yield where, title, item
            continue
        for p, paragraph in enumerate(_part(item, "paragraphs", list, where, name)):
            yield f"{where}.paragraphs[{p}]", title, paragraph


def _answers(question: Mapping[str, object], place: str, name: str) -> dict[str, object]:
    if question.get("is_impossible") is not None and _part(
        question, "is_impossible", bool, place, name
    ):
        return {"answers": [], "is_impossible": True}
    answers = []
    for number, answer in enumerate(_part(question, "answers", list, place, name)):
        where = f"{place}.answers[{number}]"
        text = _part(answer, "text", str, where, name)
        start = _part(answer, "answer_start", int, where, name)
        answers.append({"text": text, "answer_start": start})
    return {"answers": answers, "is_impossible": False}


def _part(whole: object, key: str, kind: type, where: str, name: str) -> Any:
    found = whole.get(key) if isinstance(whole, dict) else None
    if type(found) is kind:
        return found
    if not isinstance(whole, dict):
        raise DataError(
            f"{name}: {where} is not an object.",
            received=repr(whole)[:60],
            hint=f'{{"{key}": {KINDS[kind]}, …}}',
        )
    raise DataError(
        f"{name}: {where} has no '{key}'."
        if key not in whole
        else f"{name}: '{key}' of {where} is of another type.",
        received=repr(found)[:60] if key in whole else f"keys {', '.join(map(str, whole))}"[:80],
        hint=f'"{key}": {KINDS[kind]}',
    )
