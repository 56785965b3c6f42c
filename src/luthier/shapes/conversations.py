"""Conversations and instructions, to be answered."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet, by_names


def conversations(sheet: Sheet) -> Guess | None:
    """Recognise a column whose cells are conversations or instructions."""
    why = "conversations or instructions to answer"
    for role in ("messages", "conversations"):
        if guess := by_names(sheet, "causal-lm", {role: (role,)}, why):
            return guess
    for asks in ("instruction", "prompt"):
        for answer in ("output", "completion", "response", "answer"):
            roles = {asks: (asks,), "input": ("input",), answer: (answer,)}
            for chosen in (roles, {asks: (asks,), answer: (answer,)}):
                if guess := by_names(sheet, "causal-lm", chosen, why):
                    return guess
    return by_names(sheet, "causal-lm", {"instruction": ("instruction",)}, why)


def open_questions(sheet: Sheet) -> Guess | None:
    """Recognise questions beside answers, where a row has nothing else to read or to learn."""
    roles = {"instruction": ("question",), "answer": ("answer", "response")}
    guess = by_names(sheet, "causal-lm", roles, "questions to answer")
    texts = {each.name for each in sheet.profiles if each.fit("text") > 0}
    return guess if guess and texts >= {*guess.columns.values()} else None


SHAPES = (conversations,)
LATER = (open_questions,)  # after the shapes with labels
