"""Converts questions with contexts and answers from their common formats.

    answers  [{"text": …, "answer_start": …}, …]     SQuAD's own
    answers  {"text": […], "answer_start": […]}      as in data sets of the hub
    answers  "a text", ["a text", …]                 with or without a column `answer_start`

Answers that are not at their `answer_start` are searched for nearby, and reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import SupportsInt, cast

import numpy as np

from luthier.data.cells import refuse_cut, structure_of
from luthier.data.labels import is_missing
from luthier.errors import DataError
from luthier.ragged import Array
from luthier.records import Rows
from luthier.results import Finding

PLACES = 5  # places that a finding names


@dataclass(frozen=True)
class Question:
    """A context, and the gold answers to a question about it.

    Args:
        context: The text that contains the answers.
        answers: The text of each answer.
        spans: The (first, past) characters of each answer in the context.
    """

    context: str
    answers: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def text_at(self, first: SupportsInt, past: SupportsInt) -> str:
        """Return the text between two characters; empty if `first` is negative (no answer)."""
        return "" if int(first) < 0 else self.context[int(first) : int(past)]


def questions_of(rows: Rows) -> Array:
    """Return the contexts and answers of normalized rows as `Question` objects, (rows,)."""
    made = np.empty(len(rows), dtype=object)
    cells = rows["answers"] if "answers" in rows else [[]] * len(rows)
    for index, (context, answers) in enumerate(zip(rows["context"], cells, strict=True)):
        made[index] = Question(
            str(context),
            tuple(one["text"] for one in answers),
            tuple((one["answer_start"], one["answer_start"] + len(one["text"])) for one in answers),
        )
    return made


def canonical(rows: Rows) -> tuple[Rows, list[Finding]]:
    """Convert answers to SQuAD's form, each located in its context.

    Raises:
        DataError: A cell cannot be read as answers.
    """
    if "answers" not in rows or "context" not in rows:
        return rows, []
    starts = rows["answer_start"] if "answer_start" in rows else [None] * len(rows)
    impossible = rows["is_impossible"] if "is_impossible" in rows else [False] * len(rows)
    moved, lost, answers = [], [], []
    for index, (cell, start) in enumerate(zip(rows["answers"], starts, strict=True)):
        context = str(rows["context"][index])
        given = [] if _is_true(impossible[index]) else read_answers(cell, start, rows.where(index))
        found = []
        given = [(text, at) for text, at in given if text.strip() and (at is None or at >= 0)]
        for text, at in given:
            place = _locate(context, text, at)
            if place is None:
                lost.append(index)
                continue
            if at is not None and place != at:
                moved.append(index)
            found.append({"text": context[place : place + len(text)], "answer_start": place})
        answers.append(None if given and not found else found)
    kept = np.flatnonzero([one is not None for one in answers])
    columns = {**rows.columns, "answers": answers}
    columns.pop("answer_start", None)
    normalized = Rows(columns, rows.files, rows.file_of, rows.lines)
    if len(kept) < len(rows):
        normalized = normalized.take(kept)
    return normalized, _findings(rows, moved, lost)


def _findings(rows: Rows, moved: Sequence[int], lost: Sequence[int]) -> list[Finding]:
    def told(code: str, indices: Sequence[int], message: str) -> list[Finding]:
        places = tuple(f"{rows.where(index)}:answers" for index in indices[:PLACES])
        fix = "correct answer_start, or the text of the answer"
        words = f"{len(indices)} answers {message}"
        return [Finding(code, "warning", words, len(indices), places, fix)] if indices else []

    return [
        *told(
            "answer-moved",
            moved,
            "are not at their answer_start; they were found elsewhere in their contexts and moved "
            "there.",
        ),
        *told(
            "answer-not-in-context",
            lost,
            "are not in their contexts at all; rows without any other answer are dropped.",
        ),
    ]


def _is_true(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "1.0", "yes")


def read_answers(cell: object, start: object, where: str) -> list[tuple[str, int | None]]:
    """Read the answers of one cell, each with its start if that is given."""
    refuse_cut(cell, "answers", where)
    cell = structure_of(cell)
    if is_missing(cell):
        return []
    if isinstance(cell, str):
        return [(cell, _number(start, where))]
    if isinstance(cell, Mapping):
        texts = cell.get("text", ())
        if isinstance(texts, str):
            texts = [texts]
        at = cell.get("answer_start", cell.get("start"))
        if not isinstance(at, (list, tuple, np.ndarray)):
            at = [at] * len(texts)
        return [(str(text), _number(one, where)) for text, one in zip(texts, at, strict=False)]
    if isinstance(cell, (list, tuple, np.ndarray)):
        return [answer for part in cell for answer in read_answers(part, None, where)]
    raise DataError(
        f"The answers at {where} cannot be read.",
        received=repr(cell)[:80],
        hint='[{"text": "…", "answer_start": 17}], or [] if there is none',
    )


def _number(value: object, where: str) -> int | None:
    if is_missing(value):
        return None
    try:
        return int(cast(SupportsInt, value))
    except (TypeError, ValueError):
        raise DataError(
            f"The answer_start at {where} is not a number.",
            received=repr(value)[:60],
            hint="the index of the answer's first character in the context, from 0",
        ) from None


def _locate(context: str, text: str, start: int | None) -> int | None:
    """Locate an answer: at its start if it is there, else at the nearest occurrence."""
    if not text:
        return None
    if start is not None and context[max(start, 0) : max(start, 0) + len(text)] == text:
        return max(start, 0)
    places = []
    at = context.find(text)
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    if not places:
        at = context.lower().find(text.lower())
        return at if at >= 0 and len(context.lower()) == len(context) else None
    return min(places, key=lambda place: abs(place - (start or 0)))
