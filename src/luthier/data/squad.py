"""From SQuAD's nested JSON to one row a question.

    {"data": [{"title": …, "paragraphs": [{"context": …, "qas": [{"id": …, "question": …,
     "answers": [{"text": …, "answer_start": …}], "is_impossible": …}]}]}]}

Rajpurkar et al. 2016 and 2018; versions 1.1 and 2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from luthier.data.delimited import Table
from luthier.errors import DataError

COLUMNS = ("id", "title", "context", "question", "answers", "is_impossible")


def is_squad(articles: Sequence[Any]) -> bool:
    """Say whether the items of `data` are articles with paragraphs."""
    return bool(articles) and all(
        isinstance(article, dict) and "paragraphs" in article for article in articles
    )


def table_of_squad(articles: Sequence[Any], *, name: str) -> Table:
    """Lay questions out as rows, numbered in their order.

    Raises:
        DataError: Something is missing; it says where, as `data[3].paragraphs[0].qas[2]`.
    """
    rows = list(_rows(articles, name))
    if not rows:
        raise DataError(
            f"{name} has no questions.", received=f"{len(articles)} articles", hint=None
        )
    columns = {column: [row[column] for row in rows] for column in COLUMNS}
    return Table(columns, list(range(1, len(rows) + 1)), ("SQuAD: a row is a question",))


def _rows(articles: Sequence[Any], name: str) -> Iterator[dict[str, Any]]:
    for a, article in enumerate(articles):
        paragraphs = _part(article, "paragraphs", list, f"data[{a}]", name)
        for p, paragraph in enumerate(paragraphs):
            where = f"data[{a}].paragraphs[{p}]"
            context = _part(paragraph, "context", str, where, name)
            for q, asked in enumerate(_part(paragraph, "qas", list, where, name)):
                place = f"{where}.qas[{q}]"
                is_impossible = isinstance(asked, dict) and bool(asked.get("is_impossible"))
                answers = [] if is_impossible else _part(asked, "answers", list, place, name)
                yield {
                    "id": str(asked.get("id", place)),
                    "title": str(article.get("title", "")),
                    "context": context,
                    "question": _part(asked, "question", str, place, name),
                    "answers": answers,
                    "is_impossible": is_impossible,
                }


def _part(whole: Any, key: str, kind: type, where: str, name: str) -> Any:
    found = whole.get(key) if isinstance(whole, dict) else None
    if not isinstance(found, kind):
        raise DataError(
            f"{name}: {where} has no '{key}'.",
            received=f"{type(found).__name__}" if found is not None else "nothing there",
            hint=f'"{key}": ' + {"list": "[…]", "str": '"…"'}[kind.__name__],
        )
    return found
