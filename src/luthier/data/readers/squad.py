"""Converts SQuAD's nested JSON to one row for each question.

    {"data": [{"title": …, "paragraphs": [{"context": …, "qas": [{"id": …, "question": …,
     "answers": [{"text": …, "answer_start": …}], "is_impossible": …}]}]}]}

Rajpurkar et al. 2016 and 2018 ("SQuAD: 100,000+ Questions", "Know What You Don't Know"); versions
1.1, in which every question has an answer, and 2.0. Called by `json_files.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from luthier.data.readers.delimited import Table
from luthier.errors import DataError

KINDS = {list: "[…]", dict: "{…}", str: '"…"', int: "17", bool: "true"}


def is_squad(articles: Sequence[object]) -> bool:
    """Return whether the items of `data` are articles with paragraphs."""
    return any(isinstance(article, dict) and "paragraphs" in article for article in articles)


def table_of_squad(articles: Sequence[object], *, name: str) -> Table:
    """Make a row of each question, numbered in order.

    Args:
        articles: The items of `data`.
        name: The name of the file in messages.

    Returns:
        Columns id, title, context, question, answers and is_impossible; without the last two if no
        question has answers (questions to predict).

    Raises:
        DataError: A member is missing; the error names its place, `data[3].paragraphs[0].qas[2]`.
    """
    asked = list(_questions(articles, name))
    if not asked:
        raise DataError(
            f"{name} has no questions.",
            received=f"{len(articles)} articles",
            hint='"qas": [{"id": "…", "question": "…", "answers": […]}]',
        )
    rows = [row for _, row, _ in asked]
    if any("answers" in question or question.get("is_impossible") for _, _, question in asked):
        for place, row, question in asked:
            row |= _answers(question, place, name)
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    return Table(columns, list(range(1, len(rows) + 1)), ("SQuAD: each row is a question",))


def _questions(
    articles: Sequence[object], name: str
) -> Iterator[tuple[str, dict[str, object], Mapping[str, object]]]:
    """Iterate over (place, row without answers, question as written)."""
    for a, article in enumerate(articles):
        title = article.get("title") if isinstance(article, dict) else None
        paragraphs = _part(article, "paragraphs", list, f"data[{a}]", name)
        for p, paragraph in enumerate(paragraphs):
            where = f"data[{a}].paragraphs[{p}]"
            context = _part(paragraph, "context", str, where, name)
            for q, question in enumerate(_part(paragraph, "qas", list, where, name)):
                place = f"{where}.qas[{q}]"
                words = _part(question, "question", str, place, name)
                row = {
                    "id": str(question.get("id", place)),
                    "title": str(title or ""),
                    "context": context,
                    "question": words,
                }
                yield place, row, question


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
