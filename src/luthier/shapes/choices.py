"""Texts with several choices, one of which is right."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from luthier.data.labels import is_missing, label_name
from luthier.shapes.sheet import SOME, Guess, Sheet, by_names, plain

TEXTS = (
    *("context", "ctx", "article", "passage", "sent1", "startphrase", "premise", "goal"),
    *("sentence", "text", "stem", "question"),
)
QUESTIONS = ("question", "sent2")  # read between the text and each choice
LABELS = (
    *(
        "label",
        "answer",
        "gold",
        "answerkey",
        "answer_key",
        "answer_index",
        "answer_idx",
        "correct",
    ),
    *("correct_answer", "correct_choice", "correct_option", "cop", "key"),
)
_APART = re.compile(r"(ending|choice|option|answer|sol|solution|alternative|opt?)_?([0-9]|[a-h])")


def listed_choices(sheet: Sheet) -> Guess | None:
    """Recognise a column whose cells list the choices."""
    return _choices(sheet, sheet.find("choices", "choices", "options", "endings", "alternatives"))


def choices_apart(sheet: Sheet) -> Guess | None:
    """Recognise a column for each choice: `ending0`, `choice1`, `answerA`, or A, B, C and D."""
    found: dict[str, dict[str, str]] = {}
    for name in sheet.columns:
        if each := _APART.fullmatch(plain(name)):
            found.setdefault(each[1], {})[each[2]] = name
        elif plain(name) in ("a", "b", "c", "d", "e"):
            found.setdefault("", {})[plain(name)] = name
    for numbered in found.values():
        numbers = sorted(numbered)
        first = "a" if numbers[0].isalpha() else numbers[0]
        is_row = all(ord(number) == ord(first) + place for place, number in enumerate(numbers))
        if len(numbers) > 1 and is_row and first in ("0", "1", "a"):
            return _choices(sheet, [numbered[number] for number in numbers])
    return None


def _choices(sheet: Sheet, choices: str | list[str] | None) -> Guess | None:
    if choices is None:
        return None
    guess = by_names(sheet, "multiple-choice", {"text": TEXTS, "label": LABELS}, "")
    if guess is None or guess.columns["label"] in choices:
        return None
    first = _first_number(sheet, guess.columns["label"], choices)
    if first is None:
        return None
    columns = {"text": guess.columns["text"], "choices": choices, "label": guess.columns["label"]}
    question = sheet.find("question", *QUESTIONS)
    if question is not None and question not in columns.values():
        columns["question"] = question
    named = ", ".join(choices) if isinstance(choices, list) else choices
    reasons = [f"{named}: several choices, one of which is right by {columns['label']}"]
    if first == 0:
        return Guess("multiple-choice", columns, reasons)
    doubt = f"{columns['label']} numbers the choices from 1 (task.options.first_number)"
    return Guess("multiple-choice", columns, reasons, [doubt], {"task.options.first_number": 1})


def _first_number(sheet: Sheet, label: str, choices: str | list[str]) -> int | None:
    """Tell the number of the first choice, 0 or 1; None if labels do not name choices."""
    numbers, n_most = set(), 0
    for row in range(min(SOME, len(sheet.rows))):
        value, listed = sheet.rows[label][row], _listed(sheet, choices, row)
        name, n_most = label_name(value), max(n_most, len(listed))
        if is_missing(value) or name in listed:
            continue
        if name.isdigit() and int(name) <= len(listed):
            numbers.add(int(name))
        elif not (len(name) == 1 and 0 <= ord(name.lower()) - ord("a") < len(listed)):
            return None
    return 1 if n_most in numbers and 0 not in numbers else 0


def _listed(sheet: Sheet, choices: str | list[str], row: int) -> list[str]:
    """List the choices of a row."""
    if isinstance(choices, list):
        return [str(sheet.rows[name][row]) for name in choices]
    cell = sheet.rows[choices][row]
    cell = cell.get("text", cell.values()) if isinstance(cell, Mapping) else cell
    cells = cell.split("|") if isinstance(cell, str) else cell
    return [str(choice) for choice in cells] if isinstance(cells, Collection) else []


SHAPES = (listed_choices, choices_apart)
