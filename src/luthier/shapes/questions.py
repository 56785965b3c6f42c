"""Questions about texts that contain the answers."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet, by_names


def answered_questions(sheet: Sheet) -> Guess | None:
    """Recognise questions, contexts and answers, as SQuAD has them."""
    roles = {
        "question": ("question",),
        "context": ("context", "passage", "paragraph"),
        "answers": ("answers", "answer", "answer_text"),
    }
    why = "questions about texts that contain the answers"
    return by_names(sheet, "question-answering", roles, why)


SHAPES = (answered_questions,)
