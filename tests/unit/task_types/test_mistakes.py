"""Mistakes of every kind of target: what is wrong, and which comes first."""

import numpy as np
import pytest

from luthier.explaining.chosen_rows import NOT_KEPT
from luthier.metrics.softmax import softmax
from luthier.ragged import Ragged
from luthier.records import Predictions, Rows
from luthier.registry import find
from luthier.task_types import mistakes as module
from luthier.task_types.mistakes import (
    mistaken_answers,
    mistaken_entities,
    mistaken_label_sets,
    mistaken_labels,
    mistaken_tags,
    mistaken_texts,
    sureness_of_tags,
)

NAMES = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
TEXT = "Ada went to New York"
WORDS = [(0, 3), (4, 8), (9, 11), (12, 15), (16, 20)]
ROWS = Rows.of({"text": [TEXT], "words": [WORDS]})


def entities(gold, found, p=(0.9, 0.8, 0.7, 0.6, 0.4)):
    return mistaken_entities([gold], [found], Ragged(np.array(p), [0, len(p)]), ROWS)


def test_labels_come_by_what_was_chosen_instead():
    p = np.array([[0.6, 0.4], [0.1, 0.9], [0.7, 0.3]])
    found = mistaken_labels(np.array([1, 0, 0]), Predictions(p.argmax(axis=1), p, None))
    assert [(one.row, one.size) for one in found] == [(1, 0.9), (0, 0.6)]


def test_a_row_with_several_wrong_labels_has_a_mistake_for_each():
    p = np.array([[0.9, 0.2], [0.6, 0.7]])
    gold = np.array([[0, 1], [1, 1]])
    found = mistaken_label_sets(gold, Predictions(p >= 0.5, p, None), ("a", "b"))
    assert [(one.row, one.label, one.size) for one in found] == [(0, "a", 0.9), (0, "b", 0.8)]
    assert [one.said for one in found] == ["it is given, and should not be", "it is wanting"]


@pytest.mark.parametrize(
    ("gold", "found", "said", "words"),
    [
        ([], [(0, 1, "PER")], "no entity is here; 90.0% sure", range(1)),
        ([(3, 5, "LOC")], [], "missed: LOC; 50.0% sure", range(3, 5)),
        ([(3, 5, "LOC")], [(3, 5, "PER")], "its type is LOC; 50.0% sure", range(3, 5)),
        ([(3, 5, "LOC")], [(4, 5, "LOC")], "the entity is “New York”; 40.0% sure", range(4, 5)),
        (
            [(3, 5, "LOC")],
            [(4, 5, "PER")],
            "the entity is LOC: “New York”; 40.0% sure",
            range(4, 5),
        ),
    ],
)
def test_what_is_wrong_with_an_entity_is_said(gold, found, said, words):
    (one,) = entities(gold, found)
    assert (one.said, one.words) == (said, words)


def test_right_entities_are_no_mistakes_and_the_surest_wrong_one_comes_first():
    found = entities([(3, 5, "LOC"), (1, 2, "PER")], [(3, 5, "LOC"), (0, 1, "PER")])
    assert [one.words for one in found] == [range(1), range(1, 2)]


def test_long_entities_are_cut_where_they_are_quoted():
    rows = Rows.of({"text": ["x" * 90], "words": [[(0, 90)]]})
    (one,) = mistaken_entities([[(0, 1, "LOC")]], [[]], Ragged(np.array([0.5]), [0, 1]), rows)
    assert one.said == "missed: LOC; 50.0% sure"
    assert len(module.quoted("x" * 90)) == module.LONGEST


def test_each_word_with_a_wrong_tag_is_a_mistake():
    gold, said = Ragged.of([np.array([0, 1, 1])]), Ragged.of([np.array([0, 0, -1])])
    logits = Ragged(np.log([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5]]), [0, 3])
    sureness = sureness_of_tags(logits, said)
    assert sureness[0] == pytest.approx([0.9, 0.8, 0.0])
    found = mistaken_tags(gold, said, ("NOUN", "VERB"), sureness)
    assert [(one.words, one.said) for one in found] == [
        (range(1, 2), "it is VERB; 80.0% sure"),
        (range(2, 3), "it is VERB; 0.0% sure"),
    ]


def test_answers_come_by_how_sure_and_how_wrong_they_are():
    found = mistaken_answers(np.array([0.9, 0.8, 1.0]), np.array([0.5, 0.0, 1.0]))
    assert [(one.row, round(one.size, 3)) for one in found] == [(1, 0.8), (0, 0.45)]


def test_texts_come_by_how_unlike_their_references_they_are():
    assert [one.row for one in mistaken_texts(np.array([50.0, 100.0, 10.0]))] == [2, 0]


def test_an_answer_is_as_sure_as_its_share_of_the_best_ones():
    task = find("tasks", "question-answering")
    made = task(task.Options())
    rows = Rows.of(
        {"question": ["who?"], "context": ["Ada met Bela."], "answers": [[{"text": "Bela"}]]}
    )
    rows, _ = made.normalize(rows)
    codec = made.codec(made.learn_target(rows))
    outputs = codec.uninformed_outputs(rows)
    outputs[0, 1], outputs[0, 2] = (0, 3, 2.0), (8, 12, 1.0)
    predictions = codec.decode(outputs)
    (one,) = codec.mistakes(codec.gold(rows), predictions, rows)
    assert one.size == pytest.approx(softmax(outputs[0, 1:, 2])[0])
    assert one.size == pytest.approx(codec.answer(predictions, 0, rows)["score"])


@pytest.mark.parametrize("name", ["masked-lm", "causal-lm"])
def test_guessed_words_are_neither_right_nor_wrong(name):
    task = find("tasks", name)
    assert task.kind not in NOT_KEPT
    codec = task(task.Options()).codec(task(task.Options()).learn_target(task.toy_rows()))
    assert codec.mistakes(None, Predictions(None, None, None), task.toy_rows()) is None
