"""What every task in the catalogue promises: from toy rows to answers, in NumPy all the way."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from luthier.errors import DataError
from luthier.metrics.names import TITLES, lower_is_better
from luthier.protocols import Column
from luthier.records import Objective, Ragged, Rows
from luthier.registry import find, names
from luthier.text.tokenize import tokenize
from tests.tiny import make_tokenizer

MAX_TOKENS = 16
SHAPES = {"single-label": "ids", "multi-label": "indicators", "number": "numbers"}


@pytest.fixture(scope="module", params=names("tasks"))
def task(request):
    """Every task, with its options as they stand."""
    made = find("tasks", request.param)
    return made(made.Options())


@pytest.fixture(scope="module")
def tokenizer():
    """A tokenizer that knows the toy rows."""
    return make_tokenizer("bert")


@pytest.fixture
def encoded(task, tokenizer):
    """The task's toy rows as numbers."""
    rows = task.toy_rows()
    target = task.learn_target(rows)
    return task.encode(rows, tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS)


def random_outputs(task, *, seed=0, rows=None):
    """Draw what a model might say of each toy row."""
    rows = rows or task.toy_rows()
    n_outputs = task.learn_target(rows).n_outputs
    drawn = np.random.default_rng(seed).normal(size=(len(rows), n_outputs))
    return drawn.astype(np.float32)


def test_it_says_what_it_is(task):
    assert task.unit
    assert task.__doc__.strip()
    assert task.auto_model.startswith("AutoModel")
    assert all(isinstance(column, Column) for column in task.columns)
    assert [column.kind for column in task.columns].count("text") >= 1
    assert task.columns[-1].kind in ("label", "labels", "number")
    assert len({column.role for column in task.columns}) == len(task.columns)


def test_unknown_options_are_refused(task):
    with pytest.raises(ValidationError, match="surely_no_option"):
        task.Options(surely_no_option=1)


def test_toy_rows_are_a_few_dozen_and_the_same_every_time(task):
    rows, again = task.toy_rows(), task.toy_rows()
    assert 60 <= len(rows) <= 200
    assert set(rows.columns) == {column.role for column in task.columns}
    assert {name: list(values) for name, values in rows.columns.items()} == {
        name: list(values) for name, values in again.columns.items()
    }


def test_the_target_does_not_depend_on_the_order_of_rows(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    shuffled = task.learn_target(rows.take(np.random.default_rng(1).permutation(len(rows))))
    assert target.kind in SHAPES
    assert shuffled.names == target.names
    assert (shuffled.mean, shuffled.scale) == pytest.approx((target.mean, target.scale))


def test_gold_has_the_shape_of_answers(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold = task.gold(rows, target)
    predictions = task.decode(random_outputs(task), target)
    assert gold.shape == predictions.answers.shape
    assert len(gold) == len(rows)
    if target.kind != "number":
        assert (gold == gold.astype(int)).all()


def test_gold_follows_its_rows(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    order = np.random.default_rng(2).permutation(len(rows))
    assert np.array_equal(task.gold(rows.take(order), target), task.gold(rows, target)[order])


def test_an_answer_of_no_kind_is_refused_with_its_place(task):
    rows = task.toy_rows()
    role, target = task.columns[-1].role, task.learn_target(rows)
    strange = ["never seen"] if target.kind == "multi-label" else "never seen"
    columns = {**rows.columns, role: [*rows[role][:-1], strange]}
    with pytest.raises(DataError) as caught:
        task.gold(Rows.of(columns, name="reviews.csv"), target)
    assert f"reviews.csv:{len(rows)}" in str(caught.value)
    assert "never seen" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("position", [0, -1])
def test_a_missing_column_is_named(task, position):
    rows, role = task.toy_rows(), task.columns[position].role
    target = task.learn_target(rows)
    columns = {name: values for name, values in rows.columns.items() if name != role}
    with pytest.raises(DataError, match=role):
        (task.texts if position == 0 else lambda some: task.gold(some, target))(Rows.of(columns))


def test_texts_are_strings_one_for_each_role_and_row(task):
    rows = task.toy_rows()
    texts = task.texts(rows)
    assert len(texts) == sum(column.kind == "text" for column in task.columns)
    assert all(len(column) == len(rows) for column in texts)
    assert all(isinstance(text, str) for column in texts for text in column)


def test_encoding_gives_whole_numbers_within_the_limit(task, tokenizer, encoded):
    rows = task.toy_rows()
    assert len(encoded) == len(rows) == len(encoded.targets)
    assert encoded.lengths.max() <= MAX_TOKENS
    assert (encoded.full_lengths >= encoded.lengths).all()
    for values in encoded.inputs.values():
        assert isinstance(values, Ragged)
        assert values.values.dtype.kind == "i"
        assert np.array_equal(values.lengths, encoded.lengths)
    _, full = tokenize(tokenizer, *task.texts(rows), max_tokens=512)
    assert np.array_equal(encoded.full_lengths, full)


def test_each_row_is_encoded_for_itself(task, tokenizer, encoded):
    rows = task.toy_rows()
    chosen = np.random.default_rng(3).permutation(len(rows))[:10]
    target = task.learn_target(rows)
    few = task.encode(rows.take(chosen), tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS)
    assert np.array_equal(few.targets, encoded.targets[chosen])
    for name, values in few.inputs.items():
        for new, old in enumerate(chosen):
            assert np.array_equal(values[new], encoded.inputs[name][old])


def test_rows_without_answers_are_encoded_without_targets(task, tokenizer):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    roles = [column.role for column in task.columns[:-1]]
    bare = Rows.of({role: rows[role] for role in roles})
    encoded = task.encode(bare, tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS)
    assert encoded.targets is None
    assert "labels" not in task.collate(encoded, np.array([0, 1]), tokenizer=tokenizer)


def test_no_rows_are_encoded_as_none(task, tokenizer):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    nothing = task.encode(rows.take([]), tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS)
    assert len(nothing) == 0
    assert len(nothing.lengths) == 0


def test_a_batch_is_padded_to_its_longest_row(task, tokenizer, encoded):
    rows = np.array([5, 0, 7])
    batch = task.collate(encoded, rows, tokenizer=tokenizer)
    longest = encoded.lengths[rows].max()
    assert np.array_equal(batch.pop("labels"), encoded.targets[rows])
    for values in batch.values():
        assert values.shape == (len(rows), longest)
        assert values.dtype == np.int64
    assert np.array_equal(batch["attention_mask"].sum(axis=1), encoded.lengths[rows])
    for place, row in enumerate(rows):
        real = batch["attention_mask"][place] == 1
        assert np.array_equal(batch["input_ids"][place][real], encoded.inputs["input_ids"][row])


def test_the_objective_is_one_that_engines_know(task):
    from luthier.training.objectives import make_loss

    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold = task.gold(rows, target)
    objective = task.objective(target, gold, label_smoothing=0.0)
    assert isinstance(objective, Objective)
    assert make_loss(objective, "cpu")


def test_decoding_judges_each_row_for_itself(task):
    target = task.learn_target(task.toy_rows())
    outputs = random_outputs(task)
    whole, some = task.decode(outputs, target), task.decode(outputs[3:8], target)
    assert np.allclose(whole.answers[3:8], some.answers)
    if whole.probabilities is not None:
        assert whole.probabilities.shape == outputs.shape
        assert ((whole.probabilities >= 0) & (whole.probabilities <= 1)).all()
        assert np.allclose(whole.probabilities[3:8], some.probabilities, atol=1e-6)


def test_tuning_keeps_names_and_kind(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    tuned = task.tune(random_outputs(task), task.gold(rows, target), target)
    assert (tuned.kind, tuned.names) == (target.kind, target.names)


def test_metrics_are_known_finite_and_include_the_main_one(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold, predictions = task.gold(rows, target), task.decode(random_outputs(task), target)
    scores = task.measure(gold, predictions, target)(None)
    assert task.main_metric in scores
    assert set(scores) <= set(TITLES)
    assert all(math.isfinite(value) for value in scores.values()), scores


def test_weighing_rows_is_repeating_them(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold, outputs = task.gold(rows, target), random_outputs(task)
    counts = np.random.default_rng(4).integers(0, 3, size=len(rows))
    counts[: target.n_outputs * 4] = 1  # so that every label is there
    repeated = np.repeat(np.arange(len(rows)), counts)
    weighed = task.measure(gold, task.decode(outputs, target), target)(counts)
    again = task.measure(gold[repeated], task.decode(outputs[repeated], target), target)(None)
    assert weighed == pytest.approx(again, rel=1e-6, abs=1e-9)


def test_answering_rightly_scores_best(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold = task.gold(rows, target)
    if target.kind == "single-label":
        outputs = 20 * (np.eye(target.n_outputs)[gold] - 0.5)
    elif target.kind == "multi-label":
        outputs = 20 * (gold.astype(float) - 0.5)
    else:
        outputs = ((gold - target.mean) / target.scale)[:, None]
    right = task.measure(gold, task.decode(outputs, target), target)(None)
    wrong = task.measure(gold, task.decode(random_outputs(task), target), target)(None)
    main = task.main_metric
    sign = -1 if lower_is_better(main) else 1
    assert sign * right[main] > sign * wrong[main]
    assert right[main] == pytest.approx(0.0 if lower_is_better(main) else 1.0)


def test_an_answer_has_the_shape_of_a_pipeline(task):
    target = task.learn_target(task.toy_rows())
    predictions = task.decode(random_outputs(task), target)
    one = task.answer(predictions, 0, target, top_k=1)
    several = task.answer(predictions, 0, target, top_k=2)
    everything = task.answer(predictions, 0, target, top_k=None)
    assert isinstance(several, list)
    assert len(everything) == target.n_outputs
    for answer in [*several, *everything, *(one if isinstance(one, list) else [one])]:
        assert set(answer) == {"label", "score"}
        assert answer["label"] in target.names
        assert type(answer["score"]) is float
