"""Questions about texts that contain the answers.

They are told by the names of their columns or, where those of the texts or the answers are unusual,
by answers that stand in the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from luthier.data.labels import is_missing, label_name
from luthier.errors import DataError
from luthier.formats.qa_answers import read_answers
from luthier.shapes.sheet import SOME, Guess, Sheet, by_names

TASK = "question-answering"
QUESTION = ("question", "query", "q", "question_text")
CONTEXT = ("context", "passage", "paragraph")
ANSWERS = ("answers", "answer", "answer_text")
STARTS = ("answer_start", "start", "answer_begin", "start_position", "start_index")
YES_AND_NO = {"yes", "no", "maybe", "true", "false", "0", "1"}
LETTERS = 5  # names of choices: A to E stand in every text
MOST, FEW = 0.8, 0.5  # share of the answers that stand in their texts


def answered_questions(sheet: Sheet) -> Guess | None:
    """Recognise questions, contexts and answers, as SQuAD has them."""
    roles = {"question": QUESTION, "context": CONTEXT, "answers": ANSWERS}
    why = "questions about texts that contain the answers"
    guess = by_names(sheet, TASK, roles, why)
    if guess is None:
        return None
    if _are_labels(sheet, guess.columns["answers"]):
        return None
    return _with_starts(sheet, _with_doubt(sheet, guess))


def contained_answers(sheet: Sheet) -> Guess | None:
    """Recognise questions beside two columns of which one stands in the other, cell by cell."""
    question = sheet.find("question", *QUESTION)
    if question is None:
        return None
    texts = [each for each in sheet.profiles if each.fit("text") > 0 and each.name != question]
    for text in sorted(texts, key=lambda each: -each.words):
        for each in sheet.profiles:
            is_other = each.name not in (question, text.name) and each.words < text.words
            is_telling = each.words > 1 or each.n_distinct > LETTERS
            if not is_other or not is_telling or each.numeric > FEW:
                continue
            if _contained(sheet, text.name, each.name) >= MOST:
                columns = {"question": question, "context": text.name, "answers": each.name}
                why = f"{each.name}: answers, which stand in {text.name}"
                reasons = [f"{question}: questions about {text.name}", why]
                return _with_starts(sheet, Guess(TASK, columns, reasons))
    return None


def _are_labels(sheet: Sheet, column: str) -> bool:
    """Tell whether answers are yes and no, say, which no text contains."""
    cells = sheet.cells(column)
    names = {label_name(one).casefold() for one in cells if isinstance(one, (str, bool, int))}
    return bool(names) and names <= YES_AND_NO


def _contained(sheet: Sheet, context: str, answers: str) -> float:
    """Compute the share of rows with answers whose answers stand in their texts; 0 without any."""
    found = []
    for row in range(min(SOME, len(sheet.rows))):
        text = str(sheet.rows[context][row]).casefold()
        given = _texts(sheet.rows[answers][row])
        if given:
            found.append(any(one.casefold() in text for one in given))
    return sum(found) / len(found) if found else 0.0


def _texts(cell: object) -> Sequence[str]:
    try:
        return [text for text, _ in read_answers(cell, None, "") if text.strip()]
    except DataError:
        return []


def _with_doubt(sheet: Sheet, guess: Guess) -> Guess:
    """Say so if most answers do not stand in their texts, and how such answers are learned."""
    context, answers = guess.columns["context"], guess.columns["answers"]
    share = _contained(sheet, context, answers)
    if share >= FEW or not any(map(_texts, sheet.cells(answers))):
        return guess
    named = f"data.columns.instruction={guess.columns['question']} data.columns.input={context}"
    return replace(
        guess,
        unsure=[
            f"only {share:.0%} of the answers stand in {context}, others are left out; to write "
            f"answers in other words: --task causal-lm {named} data.columns.answer={answers}"
        ],
    )


def _with_starts(sheet: Sheet, guess: Guess) -> Guess:
    """Add the column of where answers start, if there is one; SQuAD's own name is read anyway."""
    context, answers = guess.columns["context"], guess.columns["answers"]
    name = sheet.find("answer_start", *STARTS)
    if name is None or name == STARTS[0] or name in guess.columns.values():
        return guess
    fitting = []
    for row in range(min(SOME, len(sheet.rows))):
        start, given = sheet.rows[name][row], _texts(sheet.rows[answers][row])
        if given and not is_missing(start) and label_name(start).isdigit():
            text = str(sheet.rows[context][row])
            fitting.append(text.startswith(given[0], int(label_name(start))))
    if not fitting or sum(fitting) < MOST * len(fitting):
        return guess
    reasons = [*guess.reasons, f"{name}: where answers start in {context}"]
    return replace(guess, columns={**guess.columns, "answer_start": name}, reasons=reasons)


SHAPES = (answered_questions,)
LATER = (contained_answers,)  # after the shapes with choices, which may stand in the text, too
