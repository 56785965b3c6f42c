"""What every task in the catalogue promises: from toy rows to answers, in NumPy all the way."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from luthier.columns import Column, Limits
from luthier.data.fingerprint import fingerprint
from luthier.errors import DataError
from luthier.evaluation.slices import take_answers
from luthier.metrics.names import declared_metric, metric_of
from luthier.models.inputs_processor import InputsProcessor
from luthier.models.media_processor import saved_processor
from luthier.objective import Objective
from luthier.protocols import KINDS, UNITS
from luthier.ragged import take
from luthier.records import Rows
from luthier.registry import find, names
from luthier.runs import plain
from luthier.text.tokenize import tokenize
from luthier.training.losses import make_loss
from tests.outputs import adapted, random_outputs, right_outputs
from tests.tiny import make_tokenizer
from tests.toys import FAMILY

MAX_TOKENS = 16
ANSWERS = ("label", "labels", "value", "tags", "answers", "reference")


@pytest.fixture(scope="module", params=names("tasks"))
def task(request):
    """Every task, with its options as they stand."""
    made = find("tasks", request.param)
    return made(made.Options())


@pytest.fixture(scope="module")
def tokenizer(task, tiny_model):
    """A tokenizer that knows the toy rows, or what prepares images or sounds."""
    if task.unit == "media":
        return saved_processor(tiny_model(FAMILY[task.name]))
    if task.unit == "joint":
        return InputsProcessor(make_tokenizer("bert"), {})
    return make_tokenizer("bert")


@pytest.fixture
def rows(task):
    """The task's toy rows, as it works with them."""
    return adapted(task)


@pytest.fixture
def target(task, rows):
    """What there is to predict."""
    return task.learn_target(rows)


@pytest.fixture
def codec(task, target, tokenizer):
    """The task, bound to what there is to predict and to the tokenizer."""
    return task.codec(target, tokenizer, Limits(MAX_TOKENS))


@pytest.fixture
def items(codec, rows):
    """The task's toy rows as numbers, to be judged by."""
    return codec.encode(rows)


def test_it_says_what_it_is(task):
    assert task.unit in UNITS
    assert task.kind in KINDS
    assert task.__doc__.strip()
    assert task.auto_model.startswith("AutoModel")
    assert all(isinstance(column, Column) for column in task.columns)
    assert [column.kind for column in task.columns if column.role in task.input_roles]
    assert all(column.kind in (*names("inputs"), *ANSWERS) for column in task.columns)
    assert len({column.role for column in task.columns}) == len(task.columns)


def test_unknown_options_are_refused(task):
    with pytest.raises(ValidationError, match="surely_no_option"):
        task.Options(surely_no_option=1)


def test_toy_rows_are_a_few_dozen_and_the_same_every_time(task):
    rows, again = task.toy_rows(), task.toy_rows()
    assert 60 <= len(rows) <= 200
    assert fingerprint(rows) == fingerprint(again)


def test_adapted_rows_have_every_role_and_are_adapted_once(task, rows):
    assert {column.role for column in task.columns} <= set(rows.columns)
    again, found = task.normalize(rows)
    assert found == []
    assert dict(again.columns) == dict(rows.columns)


def test_the_target_does_not_depend_on_the_order_of_rows(task, rows, target):
    shuffled = task.learn_target(rows.take(np.random.default_rng(1).permutation(len(rows))))
    assert target.kind == task.kind
    assert shuffled.names == target.names
    assert (shuffled.mean, shuffled.scale) == pytest.approx((target.mean, target.scale))


def test_gold_is_one_for_each_row_and_follows_it(rows, codec):
    gold = codec.gold(rows)
    order = np.random.default_rng(2).permutation(len(rows))
    moved = codec.gold(rows.take(order))
    assert len(gold) == len(moved) == len(rows)
    for new, old in enumerate(order):
        assert np.array_equal(moved[new], gold[int(old)])


def test_an_answer_of_no_kind_is_refused_with_its_place(task, rows, codec):
    if task.kind not in ("single-label", "multi-label", "number", "tags", "choice"):
        pytest.skip("any text is an answer")
    role = task.answer_role
    strange = ["never seen"] * len(rows["tags"][-1]) if task.kind == "tags" else "never seen"
    strange = ["never seen"] if task.kind == "multi-label" else strange
    columns = {**rows.columns, role: [*rows[role][:-1], strange]}
    with pytest.raises(DataError) as caught:
        codec.gold(Rows.of(columns, name="reviews.csv"))
    assert f"reviews.csv:{len(rows)}" in str(caught.value)
    assert "never seen" in str(caught.value)
    assert caught.value.hint


def refuse_media(task):
    """Leave out what is about words."""
    if task.unit in ("media", "joint"):
        pytest.skip("not all that is read are tokens")


def test_a_missing_text_is_named(task, rows):
    refuse_media(task)
    role = next(column.role for column in task.columns if column.kind == "text")
    columns = {name: values for name, values in rows.columns.items() if name != role}
    with pytest.raises(DataError, match=role):
        task.texts(Rows.of(columns))


def test_texts_are_strings_one_for_each_role_and_row(task, rows):
    texts = task.texts(rows)
    assert len(texts) == sum(column.kind == "text" for column in task.columns)
    assert all(len(column) == len(rows) for column in texts)
    assert all(isinstance(text, str) for column in texts for text in column)


def sequences(task, target):
    """Say how many sequences an item is: one for each choice, else one."""
    return target.n_outputs if task.unit == "choice" else 1


def test_items_are_within_the_limit_and_belong_to_rows(task, rows, target, items):
    refuse_media(task)
    assert len(items.full_lengths) == len(items.kept) == len(rows)
    assert set(items.rows.tolist()) == set(range(len(rows)))
    assert len(items.rows) == len(items) == len(items.targets)
    assert items.cost.max() <= MAX_TOKENS * sequences(task, target)
    assert (items.full_lengths >= items.kept).all()


@pytest.mark.parametrize("stride", [None, 0, 4])
def test_windows_let_the_model_see_every_token(task, rows, target, tokenizer, stride):
    refuse_media(task)
    made = task.codec(target, tokenizer, Limits(MAX_TOKENS, stride)).encode(rows)
    if stride is None or task.unit in ("generation", "choice"):
        assert (made.full_lengths >= made.kept).all()
    else:
        assert np.array_equal(made.full_lengths, made.kept)
    assert made.cost.max() <= MAX_TOKENS * sequences(task, target)


def test_each_row_is_encoded_for_itself(rows, items, codec):
    chosen = np.random.default_rng(3).permutation(len(rows))[:10]
    few = codec.encode(rows.take(chosen))
    for new, old in enumerate(chosen):
        ours, theirs = np.flatnonzero(few.rows == new), np.flatnonzero(items.rows == old)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            kind = codec.task.validation_kind
            one = codec.batch(few, np.array([a]), kind=kind).inputs
            other = codec.batch(items, np.array([b]), kind=kind).inputs
            assert all(np.array_equal(one[name], other[name]) for name in one | other)


def test_rows_without_answers_are_encoded_without_targets(task, rows, codec):
    if task.answer_role is None:
        pytest.skip("the text is the answer")
    kept = {name: cells for name, cells in rows.columns.items() if name != task.answer_role}
    bare = codec.encode(Rows.of(kept))
    assert bare.targets is None
    for kind in codec.inference_kinds():
        batch = codec.batch(bare, np.array([0, 1]), kind=kind)
        assert batch.targets is None
        assert "labels" not in batch.inputs


@pytest.mark.parametrize("training", [False, True])
def test_no_rows_are_encoded_as_none(task, rows, target, tokenizer, training):
    codec = task.codec(target, tokenizer, Limits(MAX_TOKENS, 4))
    nothing = codec.encode(rows.take([]), training=training)
    assert len(nothing) == 0
    assert len(nothing.cost) == 0
    assert len(nothing.kept) == 0


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_is_padded_to_its_longest_item(task, rows, codec, training):
    refuse_media(task)
    made = codec.encode(rows, training=training)
    chosen = np.array([5, 0, 7])
    batch = codec.batch(made, chosen, epoch=1 if training else 0)
    arrays = {**batch.inputs, "targets": batch.targets}
    assert batch.n_items == len(chosen)
    assert {len(values) for values in arrays.values()} == {len(chosen)}
    assert all(values.dtype.kind in "if" for values in arrays.values())
    ids = batch.inputs["input_ids"]
    assert all(values.shape == ids.shape for values in batch.inputs.values())
    if task.name == "denoising" and training:  # what is taken out is drawn anew, and never added
        assert (batch.inputs["attention_mask"].sum(axis=1) <= made.cost[chosen]).all()
        return
    if task.unit != "choice":
        assert ids.shape[1] == made.cost[chosen].max()
    if "attention_mask" in batch.inputs and task.unit != "choice":
        assert np.array_equal(batch.inputs["attention_mask"].sum(axis=1), made.cost[chosen])


def test_what_is_random_follows_from_epoch_and_item(rows, codec):
    made = codec.encode(rows, training=True)
    first, again = (codec.batch(made, np.arange(6), epoch=3) for _ in range(2))
    for name, values in first.inputs.items():
        assert np.array_equal(values, again.inputs[name])
    assert np.array_equal(first.targets, again.targets)


def test_objective_and_readings_are_what_engines_know(task, rows, codec):
    objective = codec.objective(codec.gold(rows), label_smoothing=0.0)
    assert isinstance(objective, Objective)
    assert make_loss(objective, "cpu")
    asked = {
        task.validation_kind,
        *codec.inference_kinds(),
        *codec.inference_kinds(answering=True),
    }
    assert asked <= set(names("inference-kinds"))


def test_decoding_judges_each_row_for_itself(task, rows, codec):
    outputs, some = random_outputs(task, rows), np.arange(3, 8)
    whole, few = codec.decode(outputs), codec.decode(take(outputs, some))
    for new, old in enumerate(some):
        assert np.array_equal(few.answers[new], whole.answers[old])
    if whole.probabilities is not None:
        assert ((whole.probabilities >= 0) & (whole.probabilities <= 1)).all()
        assert np.allclose(whole.probabilities[3:8], few.probabilities, atol=1e-6)


def test_tuning_keeps_names_and_kind(task, rows, target, codec):
    tuned = codec.tuned(random_outputs(task, rows), codec.gold(rows)).target
    assert (tuned.kind, tuned.names) == (target.kind, target.names)


def test_metrics_are_known_finite_and_include_the_main_one(task, rows, codec):
    gold = codec.gold(rows)
    scores = codec.measure(gold, codec.decode(random_outputs(task, rows)))(None)
    assert task.main_metric in scores
    undeclared = [name for name in scores if declared_metric(name) is None]
    assert not undeclared, f"declare {undeclared} in `metrics` of {type(task).__name__}"
    assert metric_of(task.main_metric).higher_is_better is not None
    assert metric_of(task.validation_metric).higher_is_better is not None
    assert all(math.isfinite(value) for value in scores.values()), scores


def test_silence_can_be_watched_and_judged(task, rows, codec):
    gold = codec.gold(rows)
    watched = codec.validation_scores(codec.uninformed_outputs(rows, validation=True), gold)
    assert task.validation_metric in watched
    silent = codec.decode(codec.uninformed_outputs(rows))
    assert task.main_metric in codec.measure(gold, silent)(None)


def test_weighing_rows_is_repeating_them(task, rows, target, codec):
    gold, outputs = codec.gold(rows), random_outputs(task, rows)
    counts = np.random.default_rng(4).integers(0, 3, size=len(rows))
    counts[: target.n_outputs * 4] = 1  # so that every label is there
    repeated = np.repeat(np.arange(len(rows)), counts)
    predictions = codec.decode(outputs)
    weighed = codec.measure(gold, predictions)(counts)
    taken = codec.measure(take(gold, repeated), take_answers(predictions, repeated))
    assert weighed == pytest.approx(taken(None), rel=1e-6, abs=1e-9)


def test_answering_rightly_scores_best(task, rows, codec):
    gold, main = codec.gold(rows), task.main_metric
    right = codec.measure(gold, codec.decode(right_outputs(task, rows)))(None)
    wrong = codec.measure(gold, codec.decode(random_outputs(task, rows)))(None)
    metric = metric_of(main)
    assert (right[main] > wrong[main]) == metric.higher_is_better
    assert right[main] != wrong[main]
    assert metric.best is None or right[main] == pytest.approx(metric.best)


def test_answers_can_be_written_as_json(task, rows, codec):
    gold, predictions = codec.gold(rows), codec.decode(random_outputs(task, rows))
    for told in (gold, predictions.answers):
        assert json.dumps(codec.to_json(told, 0, rows))
    assert json.dumps(codec.error_analysis(gold, predictions, rows), ensure_ascii=False)


def test_answers_are_read_back_as_a_run_keeps_them(task, rows, codec):
    if task.kind == "language":
        predictions = codec.decode(random_outputs(task, rows))
    else:
        predictions = codec.decode(right_outputs(task, rows))
    kept = [
        {
            "answer": codec.to_json(predictions.answers, row, rows),
            **codec.extra_json(predictions, row),
        }
        for row in range(len(rows))
    ]
    gold = codec.gold(rows)
    again = codec.from_json(json.loads(json.dumps(plain(kept))), rows)
    before, after = (codec.measure(gold, one)(None) for one in (predictions, again))
    assert after == pytest.approx(before, abs=1e-4)


def test_a_label_is_answered_in_the_shape_of_a_pipeline(task, rows, target, codec):
    if task.unit not in ("sequence", "choice"):
        pytest.skip("its answers have a shape of their own, tested beside the task")
    predictions = codec.decode(random_outputs(task, rows))
    one, several, everything = (
        codec.answer(predictions, 0, rows, top_k=top_k) for top_k in (1, 2, None)
    )
    assert isinstance(several, list)
    assert len(everything) == target.n_outputs
    for answer in [*several, *everything, *(one if isinstance(one, list) else [one])]:
        assert set(answer) == {"label", "score"}
        assert type(answer["score"]) is float
    assert next(iter(codec.to_columns(one))) == "prediction"


def test_whole_texts_are_tokenized_as_they_are(task, rows, tokenizer, items):
    if task.unit != "sequence":
        pytest.skip("not a task that judges whole texts")
    _, full = tokenize(tokenizer, *task.texts(rows), max_tokens=512)
    assert np.array_equal(items.full_lengths, full)
