"""What a file is for is guessed from names and values, and explained."""

from __future__ import annotations

import random

import pytest

from luthier.errors import DataError
from luthier.records import Rows
from luthier.shapes.recognise import recognise

N = 60
TEXTS = [f"Number {n} was a rather {'good' if n % 2 else 'bad'} evening out" for n in range(N)]
OTHERS = [f"They went home at {n} o'clock after all" for n in range(N)]
LABELS = ["pos" if n % 2 else "neg" for n in range(N)]
NUMBERS = [str(round(random.Random(n).gauss(3, 1), 2)) for n in range(N)]
SETS = [("joy|fear", "joy", "", "fear|anger")[n % 4] for n in range(N)]
IDS = [str(n) for n in range(N)]


@pytest.mark.parametrize(
    ("columns", "task", "roles"),
    [
        (
            {"id": IDS, "review": TEXTS, "stars": [str(n % 5) for n in range(N)]},
            "text-classification",
            {"text": "review", "label": "stars"},
        ),
        (
            {"b": LABELS, "a": TEXTS, "confidence": NUMBERS},
            "text-classification",
            {"text": "a", "label": "b"},
        ),
        (
            {"id": IDS, "Text": TEXTS, "rating": NUMBERS},
            "text-regression",
            {"text": "Text", "label": "rating"},
        ),
        (
            {"text": TEXTS, "emotions": SETS},
            "multi-label-classification",
            {"text": "text", "labels": "emotions"},
        ),
        (
            {"text": TEXTS, "x": [["a", "b"], []] * (N // 2)},
            "multi-label-classification",
            {"text": "text", "labels": "x"},
        ),
        (
            {"hypothesis": OTHERS, "premise": TEXTS, "label": LABELS},
            "pair-classification",
            {"text": "premise", "text_pair": "hypothesis", "label": "label"},
        ),
        (
            {"one": TEXTS, "two": OTHERS, "same": LABELS},
            "pair-classification",
            {"text": "one", "text_pair": "two", "label": "same"},
        ),
        (
            {"title": OTHERS, "body": TEXTS, "label": LABELS},
            "text-classification",
            {"text": "body", "label": "label"},
        ),
    ],
)
def test_tasks_are_guessed_with_reasons(columns, task, roles):
    guess = recognise(Rows.of(columns))
    assert (guess.task, guess.columns) == (task, roles)
    assert len(guess.reasons) == len(roles)


SOME_NUMBERS = [str(n % 5) for n in range(N)]


@pytest.mark.parametrize(
    ("columns", "task", "label"),
    [
        ({"sentence1": TEXTS, "sentence2": OTHERS, "label": NUMBERS}, "pair-regression", "label"),
        (
            {"genre": LABELS, "sentence1": TEXTS, "sentence2": OTHERS, "score": NUMBERS},
            "pair-regression",
            "score",
        ),
        (
            {"sentence_A": TEXTS, "sentence_B": OTHERS, "relatedness_score": NUMBERS, "x": LABELS},
            "pair-regression",
            "relatedness_score",
        ),
        ({"text": TEXTS, "year": SOME_NUMBERS, "price": NUMBERS}, "text-regression", "price"),
        ({"text": TEXTS, "label": LABELS, "value": NUMBERS}, "text-classification", "label"),
    ],
)
def test_numbers_and_labels_are_told_apart_by_their_names(columns, task, label):
    guess = recognise(Rows.of(columns))
    assert (guess.task, guess.columns["label"]) == (task, label)


@pytest.mark.parametrize(
    ("columns", "task", "roles"),
    [
        (
            {"Summary": [text[:12] for text in TEXTS], "Text": TEXTS, "Score": SOME_NUMBERS},
            "text-classification",
            {"text": "Text", "label": "Score"},
        ),
        (
            {
                "1": LABELS,
                "2": [f"Mon Apr 06 22:19:{n % 60:02d} PDT 2009" for n in range(N)],
                "3": TEXTS,
            },
            "text-classification",
            {"text": "3", "label": "1"},
        ),
        (
            {"question": OTHERS, "passage": TEXTS, "answer": [True, False] * (N // 2)},
            "pair-classification",
            {"text": "question", "text_pair": "passage", "label": "answer"},
        ),
        (
            {"question": TEXTS, "answer": OTHERS, "is_right": [0, 1] * (N // 2)},
            "pair-classification",
            {"text": "question", "text_pair": "answer", "label": "is_right"},
        ),
        (
            {"question": TEXTS, "answer": OTHERS},
            "causal-lm",
            {"instruction": "question", "answer": "answer"},
        ),
        (
            {"one": TEXTS, "two": OTHERS},
            "translation",
            {"text": "one", "target": "two"},
        ),
        (
            {"one": [text[:10] for text in TEXTS], "two": TEXTS},
            "summarization",
            {"text": "two", "target": "one"},
        ),
        (
            {
                "sentence": TEXTS,
                "option1": OTHERS,
                "option2": TEXTS,
                "answer": ["1", "2"] * (N // 2),
            },
            "multiple-choice",
            {"text": "sentence", "choices": ["option1", "option2"], "label": "answer"},
        ),
        (
            {
                "question": TEXTS,
                "A": OTHERS,
                "B": OTHERS,
                "C": OTHERS,
                "answer": [*"ABC"] * (N // 3),
            },
            "multiple-choice",
            {"text": "question", "choices": ["A", "B", "C"], "label": "answer"},
        ),
        (
            {"text": TEXTS, "a": [*"xy"] * (N // 2), "b": [*"uv"] * (N // 2), "label": LABELS},
            "text-classification",
            {"text": "text", "label": "label"},
        ),
    ],
)
def test_what_looks_like_another_task_is_told_apart(columns, task, roles):
    guess = recognise(Rows.of(columns))
    assert (guess.task, guess.columns) == (task, roles)


def test_objects_are_no_texts_but_have_them():
    rows = Rows.of({"data": [{"text": text} for text in TEXTS], "label": LABELS})
    assert recognise(rows).columns == {"text": "data.text", "label": "label"}
    given = recognise(rows, given={"text": "data.text"})
    assert given.columns == {"text": "data.text", "label": "label"}


def test_a_mapping_of_labels_to_ones_is_labels():
    flags = [{"joy": n % 2, "fear": n % 3 == 0} for n in range(N)]
    guess = recognise(Rows.of({"text": TEXTS, "emotions": flags}))
    assert guess.columns == {"text": "text", "labels": "emotions"}


def test_numbers_that_may_be_labels_are_a_doubt():
    guess = recognise(Rows.of({"text": TEXTS, "stars": SOME_NUMBERS}))
    assert guess.task == "text-classification"
    assert "--task text-regression" in guess.unsure[0]


def test_a_task_that_is_named_is_not_guessed():
    rows = Rows.of({"text": TEXTS, "stars": SOME_NUMBERS})
    guess = recognise(rows, task="text-regression")
    assert guess.columns == {"text": "text", "label": "stars"}


def test_rows_sorted_by_label_are_seen_as_a_whole():
    labels = ["a"] * 5000 + ["b"] * 5000
    texts = [f"this is the text with number {n}" for n in range(10_000)]
    assert recognise(Rows.of({"text": texts, "y": labels})).task == "text-classification"


@pytest.mark.parametrize(
    "columns",
    [{"a": IDS, "b": NUMBERS}, {"text": TEXTS}, {"text": TEXTS, "id": IDS}, {"a": [None]}],
)
def test_files_that_suggest_nothing_are_refused(columns):
    with pytest.raises(DataError) as caught:
        recognise(Rows.of(columns))
    assert "data.columns.text=" in caught.value.hint


@pytest.mark.parametrize("name", ["ner", "entities", "labels"])
def test_spans_of_tokens_are_no_tags(name):
    spans = [[0, 0, "person"], [3, 3, "city"]]
    rows = Rows.of({"tokenized_text": [["Ada", "went", "to", "Rome"]] * N, name: [spans] * N})
    guess = recognise(rows)
    assert guess.columns == {"tokens": "tokenized_text", "spans": name}
    assert guess.fields == {"task.options.offsets": "tokens-inclusive"}


def test_what_was_chosen_is_learned_and_not_what_could_be():
    options = [[{"id": "A", "text": "A"}, {"id": "B", "text": "B"}]] * N
    chosen = [["A"], ["A", "B"], ["B"]] * (N // 3)
    columns = {"text": TEXTS, "options": options, "accept": chosen, "answer": ["accept"] * N}
    assert recognise(Rows.of(columns)).columns == {"text": "text", "labels": "accept"}


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["1,5", "3,0", "2", "4,25", "0,125", "7,5"], "text-regression"),
        (["1,5", "3,4", "2", "1,4", "1,3,5", "1,3"], "multi-label-classification"),
    ],
)
def test_decimal_commas_and_commas_between_labels_are_told_apart(cells, task):
    texts = [f"this is the text of number {n} here" for n in range(60)]
    guess = recognise(Rows.of({"text": texts, "y": [cells[n % 6] for n in range(60)]}))
    assert guess.task == task
    is_told = any("1,5 as 1.5" in doubt for doubt in guess.unsure)
    assert is_told == (task == "text-regression")


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["8,20", "27", "3", "3,8,27", "8", "20"], "multi-label-classification"),  # of GoEmotions
        (["100,205", "100", "205", "101,205", "101", "205"], "multi-label-classification"),
        (["1,500", "2,500", "1,500", "20,000", "950", "950"], "text-classification"),
    ],
)
def test_numbers_of_labels_and_thousands_are_told_apart(cells, task):
    rows = Rows.of({"text": TEXTS, "y": [cells[n % 6] for n in range(N)]})
    assert recognise(rows).task == task


@pytest.mark.parametrize("name", ["V", "score"])
def test_other_numbers_are_told_where_no_name_says_which_is_meant(name):
    rows = Rows.of({"text": TEXTS, name: NUMBERS, "A": NUMBERS[::-1]})
    guess = recognise(rows)
    assert (guess.task, guess.columns["label"]) == ("text-regression", name)
    assert any("A: numbers, too" in doubt for doubt in guess.unsure) == (name == "V")


def test_words_beside_as_many_tags_of_entities_are_tagged_words():
    tags = ["O B-x I-x O", "O O", "B-y"] * (N // 3)
    words = ["show me trains please", "all flights", "now"] * (N // 3)
    guess = recognise(Rows.of({"in": words, "intent": LABELS, "out": tags}))
    assert (guess.task, guess.columns) == ("token-classification", {"tokens": "in", "tags": "out"})


@pytest.mark.parametrize(("second", "is_told"), [("3", True), ("hypothesis", False)])
def test_two_texts_that_nothing_calls_a_pair_are_a_doubt(second, is_told):
    first = "premise" if second == "hypothesis" else "2"
    texts = [[f"{way} text with number {n}" for n in range(40)] for way in ("a short", "the long")]
    rows = Rows.of({first: texts[0], second: texts[1], "label": ["yes", "no"] * 20})
    guess = recognise(rows)
    assert guess.task == "pair-classification"
    assert any("--task text-classification" in doubt for doubt in guess.unsure) == is_told
