"""Recognises what a file is for, among the shapes that people keep their data in.

Each file beside this one recognises shapes of one kind. A shape is a function from a `Sheet` to a
`Guess`, or to None; the first that knows the rows decides, so those that are told by unmistakable
names come first. To add a shape, write the function, add it to the `SHAPES` of its file, and add a
small file of it to `tests/first_command/shapes.py`, which goes from `init` to `evaluate`.
"""

from __future__ import annotations

from luthier.errors import DataError
from luthier.records import Rows
from luthier.shapes import (
    choices,
    conversations,
    labelled_texts,
    plain_text,
    questions,
    rewritten_texts,
    tagged_words,
)
from luthier.shapes.sheet import Guess, Shape, Sheet

SHAPES: tuple[Shape, ...] = (
    *tagged_words.SHAPES,
    *questions.SHAPES,
    *choices.SHAPES,
    *conversations.SHAPES,
    *rewritten_texts.SHAPES,
    *plain_text.SHAPES,
    *labelled_texts.SHAPES,
)


def recognise(rows: Rows) -> Guess:
    """Guess what rows are meant for: the task, the column of each role, and the reasons in words.

    Raises:
        DataError: No column looks like texts, or none like something to learn.

    >>> rows = Rows.of({"review": ["It was good."] * 3 + ["It was bad."], "stars": list("5551")})
    >>> guess = recognise(rows)
    >>> guess.task, guess.columns
    ('text-classification', {'text': 'review', 'label': 'stars'})
    """
    sheet = Sheet(rows)
    for shape in SHAPES:
        if (guess := shape(sheet)) is not None:
            return guess
    raise DataError(
        "The rows have none of the shapes that are known.",
        received=f"columns {', '.join(rows.columns)}",
        hint="luthier list tasks, then name the task and its columns in a recipe",
    )
