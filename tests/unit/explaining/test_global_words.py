"""What words speak for over many rows, on tiny models: a planted word is named first."""

from collections import Counter

import numpy as np
import pytest

import luthier
from luthier.errors import DataError
from luthier.explaining.explain import answer_rows
from luthier.explaining.global_words import global_words
from luthier.explaining.shortcuts import outlying
from luthier.explaining.training_words import TrainingWords, carried, types_of
from luthier.reading import without_answers
from luthier.records import Rows
from luthier.seeding import stream
from luthier.training.listeners import follow
from tests.toys import toy_problem, toy_rows, toy_tree

PLANTED, LABEL = "zq", "snow"


@pytest.fixture(scope="module")
def planted(tiny_model, tmp_path_factory):
    """A tiny model of toy rows, half of which have a word that tells one label."""
    rows, draw = toy_rows("text-classification"), stream(0, "planted")
    has_word = draw.random(len(rows)) < 0.5
    texts = [
        f"{text} {PLANTED}" if has else text
        for text, has in zip(rows["text"], has_word, strict=True)
    ]
    labels = np.where(has_word, LABEL, rows["label"]).tolist()
    made = Rows.of({"text": texts, "label": labels})
    tree = toy_tree(
        "text-classification",
        tiny_model("bert"),
        baselines=[],
        # of seeds 0 to 2, each names the planted word first; of shorter trainings, not each
        training={"num_train_epochs": 24, "learning_rate": 5e-3, "use_cpu": True, "seed": 2},
    )
    folder = tmp_path_factory.mktemp("planted") / "run"
    run = luthier.run(tree, out=folder, data={"train": made})
    predictor = luthier.load(run.folder)
    bare = without_answers(made, predictor.task)
    gold = predictor.codec.gold(made)
    answered = answer_rows(predictor.model, predictor.codec, bare, batch_size=8, gold=gold)
    return answered, made


def found(answered, training, **options):
    steps = global_words(answered, training, by="occlusion", n_rows=60, n_resamples=100, **options)
    return follow(steps, lambda info: None)


@pytest.fixture(scope="module")
def words(planted):
    return found(*planted)


def test_a_planted_word_is_named_first(words):
    made = words
    assert made.shortcuts[0].word == PLANTED
    assert made.shortcuts[0].label == LABEL
    assert made.shortcuts[0].training_share == 1.0
    of_label = {one.label: one for one in made.labels}
    assert of_label[LABEL].words_for[0].word == PLANTED
    assert PLANTED not in [one.word for one in of_label["rain"].words_for]


def test_its_rows_are_scored_with_it_and_without_it(planted, words):
    answered, rows = planted
    first = words.shortcuts[0]
    has_word = np.array([text.endswith(PLANTED) for text in rows["text"]])
    right = np.asarray(answered.predictions.answers) == answered.gold
    assert first.with_word.n == has_word.sum()
    assert first.without_word.n == (~has_word).sum()
    if answered.codec.task.main_metric == "accuracy":
        assert first.with_word.value == pytest.approx(right[has_word].mean())
    masked = Rows.of({"text": [text.replace(PLANTED, "[MASK]") for text in rows["text"]]})
    again = answer_rows(answered.model, answered.codec, masked, batch_size=8)
    measure = answered.codec.measure(answered.gold, again.predictions)
    metric = answered.codec.task.main_metric
    # the mask takes one place where the word's two pieces took two
    assert first.masked.value == pytest.approx(measure(has_word.astype(float))[metric], abs=0.2)
    assert first.change.value == pytest.approx(first.masked.value - first.with_word.value)
    assert first.change.value < -0.2
    assert "matters" in first.sentence
    assert first.sentence.count("[") == 1


def test_what_words_add_has_an_interval_and_a_count(words):
    made = words
    of_label = next(one for one in made.labels if one.label == LABEL)
    word = of_label.words_for[0]
    assert word.effect.low <= word.effect.value <= word.effect.high
    assert word.effect.n >= made.least_rows
    assert word.in_training > 1


def test_numbers_are_raised_and_lowered(tiny_model):
    _, prepared = toy_problem("text-regression", tiny_model("bert"))
    problem = prepared.job.problem
    model = prepared.job.session.make_model(True).eval()
    model.classifier.weight.data *= 20
    rows = problem.splits.train
    bare = without_answers(rows, problem.codec.task)
    gold = problem.codec.gold(rows)
    answered = answer_rows(model, problem.codec, bare, batch_size=8, gold=gold)
    made = found(answered, rows)
    assert made.is_number
    (only,) = made.labels
    assert only.n_rows == len(rows)
    counted = TrainingWords.of(problem.codec, rows)
    form = only.words_for[0].word if only.words_for else next(iter(counted.counts))
    has = np.array([form in text.casefold() for text in rows["text"]])
    deviations = gold - gold.mean()
    expected = deviations[has].sum() / (has.sum() + 2)
    if counted.counts[form] == has.sum():  # the word is no part of others
        assert counted.evidence(form, only.label) == pytest.approx(expected)


def test_tasks_without_labels_say_so(tiny_model):
    _, prepared = toy_problem("question-answering", tiny_model("bert"))
    problem = prepared.job.problem
    model = prepared.job.session.make_model(True).eval()
    rows = problem.splits.test.take(range(2))
    answered = answer_rows(model, problem.codec, rows, batch_size=8)
    with pytest.raises(DataError, match="no labels") as refused:
        found(answered, rows)
    assert "question-answering" in refused.value.received


def test_evidence_is_the_smoothed_difference_of_log_odds(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    codec = prepared.job.problem.codec
    texts = ["Ice ice", "ice", "sun", "sun ICE"]
    rows = Rows.of({"text": texts, "label": ["snow", "snow", "sun", "sun"]})
    counted = TrainingWords.of(codec, rows)
    assert counted.counts == Counter({"ice": 3, "sun": 2})
    expected = np.log(2.5 / 0.5) - np.log(1.5 / 1.5)
    assert counted.evidence("ice", "snow") == pytest.approx(expected)
    assert counted.share("ice", "snow") == pytest.approx(2 / 3)
    assert counted.evidence("unseen", "snow") == pytest.approx(0.0)


def test_types_of_entities_are_labels(tiny_model):
    _, prepared = toy_problem("token-classification", tiny_model("bert"))
    problem = prepared.job.problem
    rows = problem.splits.train
    types = types_of(problem.codec.target.names)
    has = carried(problem.codec, rows)
    assert has.shape == (len(rows), len(types))
    for row in range(len(rows)):
        expected = {tag.partition("-")[2] for tag in rows["tags"][row] if tag != "O"}
        assert {types[place] for place in np.flatnonzero(has[row])} == expected


def test_only_outliers_are_outlying():
    values = np.array([*np.linspace(-1, 1, 21), 12.0])
    assert (outlying(values) >= 3.5).tolist() == [False] * 21 + [True]
    assert outlying(np.ones(5)).tolist() == [0.0] * 5
