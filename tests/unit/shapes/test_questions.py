"""Questions about texts are told by names, or by answers that stand in the texts."""

from __future__ import annotations

import pytest

from luthier.records import Rows
from luthier.shapes.recognise import recognise

N = 60
PLACES = ("the red house", "a barn", "an old blue car")
CONTEXTS = [
    f"A house or a barn? Cat number {n} sleeps in {PLACES[n % 3]} all day." for n in range(N)
]
QUESTIONS = [f"Where does the cat number {n} sleep?" for n in range(N)]
ANSWERS = [f"number {n} sleeps in {PLACES[n % 3]}" for n in range(N)]
STARTS = [one.index(answer) for one, answer in zip(CONTEXTS, ANSWERS, strict=True)]


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"ans": ANSWERS}, {"answers": "ans"}),
        ({"gold": [[one] for one in ANSWERS]}, {"answers": "gold"}),
        ({"answer_text": ANSWERS, "answer_start": STARTS}, {"answers": "answer_text"}),
        (
            {"answer": ANSWERS, "start": [str(at) for at in STARTS]},
            {"answers": "answer", "answer_start": "start"},
        ),
        ({"answer": ANSWERS, "start": [1700 + n for n in range(N)]}, {"answers": "answer"}),
        (
            {"reply": [{"text": one, "start": 4} for one in ANSWERS]},
            {"answers": "reply"},
        ),
    ],
)
def test_answers_of_any_name_are_found_in_their_texts(columns, roles):
    rows = Rows.of({"question": QUESTIONS, "context": CONTEXTS, **columns})
    guess = recognise(rows)
    assert guess.task == "question-answering"
    assert guess.columns == {"question": "question", "context": "context", **roles}
    assert not guess.unsure


def test_texts_of_any_name_contain_answers():
    guess = recognise(Rows.of({"q": QUESTIONS, "story": CONTEXTS, "a": ANSWERS}))
    assert guess.task == "question-answering"
    assert guess.columns == {"question": "q", "context": "story", "answers": "a"}


def test_answers_in_words_of_their_own_are_a_doubt():
    answers = [f"I believe that is {n}" for n in range(N)]
    guess = recognise(Rows.of({"question": QUESTIONS, "context": CONTEXTS, "answer": answers}))
    assert "only 0% of the answers stand in context" in guess.unsure[0]
    assert "--task causal-lm data.columns.instruction=question" in guess.unsure[0]


def test_letters_of_choices_are_no_answers():
    columns = {
        "article": CONTEXTS,
        "question": QUESTIONS,
        "options": [["house", "barn", "car"]] * N,
        "answer": ["ABC"[n % 3] for n in range(N)],
    }
    assert recognise(Rows.of(columns)).task == "multiple-choice"
