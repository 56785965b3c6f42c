"""When none is answered, and what is said of answers."""

import json

import numpy as np
import pytest

import luthier
from luthier.items import Items
from luthier.ragged import Ragged
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Rows
from luthier.task_types.answer_spans import AnswerLayout, best_spans
from tests.toys import toy_rows, toy_tree

TASK = make_plugin("tasks", Plugin(name="question-answering"))
CONTEXT = "Ada baked a cake"
ROWS = Rows.of(
    {
        "question": ["Who?"] * 3,
        "context": [CONTEXT] * 3,
        "answers": [
            [{"text": "Ada", "answer_start": 0}],
            [],
            [{"text": "cake", "answer_start": 12}],
        ],
    }
)
TARGET = TASK.learn_target(ROWS)


def outputs(nulls, scores, span=(0, 3)):
    said = TASK.codec(TARGET).uninformed_outputs(ROWS)
    said[:, 0, 2], said[:, 1, :2], said[:, 1, 2] = nulls, span, scores
    return said


def test_data_without_impossible_questions_is_always_answered():
    rows = ROWS.take([0, 2])
    target = TASK.learn_target(rows)
    assert "none" not in target.names
    assert target.n_outputs == 2
    said = outputs([99.0] * 3, [0.0] * 3)[:2]
    assert TASK.codec(target).decode(said).answers.tolist() == [[0, 3], [0, 3]]


def test_data_without_impossible_questions_is_learned(tiny_model, tmp_path):
    rows = toy_rows("question-answering")
    possible = rows.take([n for n, answers in enumerate(rows["answers"]) if answers][:40])
    paragraphs = [
        {"context": context, "qas": [{"id": str(n), "question": question, "answers": answers}]}
        for n, (question, context, answers) in enumerate(
            zip(possible["question"], possible["context"], possible["answers"], strict=True)
        )
    ]
    told = {"version": "1.1", "data": [{"title": "Who", "paragraphs": paragraphs}]}
    (tmp_path / "squad.json").write_text(json.dumps(told), encoding="utf-8")
    tree = toy_tree("question-answering", tiny_model("bert"), baselines=[])
    tree["data"]["train"] = str(tmp_path / "squad.json")
    tree["training"] |= {"num_train_epochs": 1, "use_cpu": True}
    run = luthier.run(tree, out=tmp_path / "run")
    assert 0 <= run.scores["fine-tuned"]["f1"].value <= 1
    assert luthier.load(run.folder)("Who baked?", CONTEXT)["answer"]


def test_the_threshold_of_none_is_chosen_on_validation():
    said = outputs([1.0, 3.0, 2.0], [0.0, 0.0, 0.0])
    tuned = TASK.codec(TARGET).tuned(said, TASK.codec(TARGET).gold(ROWS))
    (threshold,) = tuned.target.thresholds
    assert 1.0 <= threshold < 3.0
    answers = tuned.decode(said).answers.tolist()
    assert answers[0] == [0, 3]
    assert answers[1] == [-1, -1]


def test_a_threshold_can_be_set():
    fixed = make_plugin("tasks", Plugin(name="question-answering", options={"null_threshold": 5.0}))
    tuned = fixed.codec(TARGET).tuned(outputs([1.0] * 3, [0.0] * 3), fixed.codec(TARGET).gold(ROWS))
    assert tuned.target.thresholds == (5.0,)


def test_answers_are_scored_against_all_true_ones():
    both = Rows.of(
        {
            "question": ["Who?"],
            "context": [CONTEXT],
            "answers": [
                [{"text": "a cake", "answer_start": 10}, {"text": "Ada", "answer_start": 0}]
            ],
        }
    )
    target = TASK.learn_target(both)
    said = outputs([0.0] * 3, [1.0] * 3)[:1]
    codec = TASK.codec(target)
    scores = codec.measure(codec.gold(both), codec.decode(said))(None)
    assert scores == {"f1": 1.0, "exact_match": 1.0}


def test_none_is_answered_by_nothing_with_its_own_share():
    said = outputs([9.0] * 3, [0.0] * 3)
    predictions = TASK.codec(TARGET).decode(said)
    answer = TASK.codec(TARGET).answer(predictions, 0, ROWS)
    assert (answer["answer"], answer["start"], answer["end"]) == ("", 0, 0)
    assert answer["score"] > 0.99
    assert [one["answer"] for one in TASK.codec(TARGET).answer(predictions, 0, ROWS, top_k=2)] == [
        "",
        "Ada",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_spans_are_those_of_a_search_through_all(seed):
    random = np.random.default_rng(seed)
    n_tokens, longest = 9, 3
    spans = np.array([(0, 0), *((n, n + 1) for n in range(n_tokens - 1))])
    places = np.arange(-1, n_tokens - 1)
    logits = random.normal(size=(2, n_tokens, 2))
    items = Items(
        {},
        None,
        np.full(2, n_tokens),
        np.array([n_tokens]),
        row_of=np.array([0, 0]),
        layout=AnswerLayout(
            spans=Ragged.of([spans, spans + 100], width=(2,)),
            places=Ragged.of([places, places]),
            nulls=np.array([0, 0]),
        ),
    )
    said = Ragged.of(list(logits), dtype=float, width=(2,))
    found = best_spans(said, items, 1, n_best=9, max_tokens=longest)[0]
    every = sorted(
        (
            (logits[w, a, 0] + logits[w, b, 1], a - 1 + 100 * w, b + 100 * w)
            for w in range(2)
            for a in range(1, n_tokens)
            for b in range(a, min(a + longest, n_tokens))
        ),
        reverse=True,
    )
    assert found[0, 2] == pytest.approx(logits[:, 0].sum(axis=1).min())
    for (score, first, past), (a, b, s) in zip(every, found[1:], strict=False):
        assert (a, b, s) == pytest.approx((first, past, score))
