"""Conversations and instructions, to be answered."""

from __future__ import annotations

from luthier.shapes.sheet import Guess, Sheet, by_names


def conversations(sheet: Sheet) -> Guess | None:
    """Recognise a column whose cells are conversations or instructions."""
    for role in ("messages", "conversations", "instruction"):
        why = "conversations or instructions to answer"
        if guess := by_names(sheet, "causal-lm", {role: (role,)}, why):
            return guess
    return None


SHAPES = (conversations,)
