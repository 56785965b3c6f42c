"""Questions about texts that contain the answers."""

from __future__ import annotations

from luthier.data.labels import label_name
from luthier.shapes.sheet import Guess, Sheet, by_names

YES_AND_NO = {"yes", "no", "maybe", "true", "false", "0", "1"}


def answered_questions(sheet: Sheet) -> Guess | None:
    """Recognise questions, contexts and answers, as SQuAD has them."""
    roles = {
        "question": ("question",),
        "context": ("context", "passage", "paragraph"),
        "answers": ("answers", "answer", "answer_text"),
    }
    why = "questions about texts that contain the answers"
    guess = by_names(sheet, "question-answering", roles, why)
    return None if guess is None or _are_labels(sheet, guess.columns["answers"]) else guess


def _are_labels(sheet: Sheet, column: str) -> bool:
    """Tell whether answers are yes and no, say, which no text contains."""
    cells = sheet.cells(column)
    names = {label_name(one).casefold() for one in cells if isinstance(one, (str, bool, int))}
    return bool(names) and names <= YES_AND_NO


SHAPES = (answered_questions,)
