"""Every task in the catalogue keeps the contract of `protocols.Task`."""

import numpy as np
import pytest
from pydantic import ValidationError

from luthier.models.load import load_tokenizer
from luthier.registry import find, names

pytestmark = pytest.mark.parametrize("name", names("tasks"))


@pytest.fixture
def task(name):
    plugin = find("tasks", name)
    return plugin(plugin.Options())


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(str(tiny_model("bert")))


def outputs_for(target, n_rows):
    return np.random.default_rng(0).normal(size=(n_rows, target.n_outputs)).astype(np.float32)


def test_it_says_what_it_is(task, name):
    assert task.name == name
    assert task.unit == "sequence"
    assert task.columns[0].kind == "text"
    assert task.columns[-1].kind in ("label", "labels", "number")
    assert task.__doc__.strip()


def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError):
        find("tasks", name).Options(no_such_option=1)


def test_the_target_does_not_depend_on_the_order_of_rows(task):
    rows = task.toy_rows()
    backwards = rows.take(np.arange(len(rows))[::-1])
    first, second = task.learn_target(rows), task.learn_target(backwards)
    assert first.names == second.names
    assert (first.mean, first.scale) == pytest.approx((second.mean, second.scale))


def test_toy_rows_are_enough_to_learn_from(task):
    rows = task.toy_rows()
    assert len(rows) >= 60
    assert {column.role for column in task.columns} <= set(rows.columns)


def test_encoding_follows_the_rows(task, tokenizer):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    whole = task.encode(rows, tokenizer=tokenizer, target=target, max_tokens=32)
    part = task.encode(rows.take([5, 2]), tokenizer=tokenizer, target=target, max_tokens=32)
    assert part.inputs["input_ids"][1].tolist() == whole.inputs["input_ids"][2].tolist()
    assert np.array_equal(part.targets, whole.targets[[5, 2]])
    assert (whole.lengths <= 32).all()


def test_rows_without_labels_are_encoded_too(task, tokenizer):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    roles = [column.role for column in task.columns if column.kind == "text"]
    bare = type(rows)({r: rows[r] for r in roles}, rows.files, rows.file_of, rows.lines)
    encoded = task.encode(bare, tokenizer=tokenizer, target=target, max_tokens=32)
    assert encoded.targets is None
    assert "labels" not in task.collate(encoded, np.array([0]), tokenizer=tokenizer)


def test_a_batch_holds_tokens_mask_and_labels(task, tokenizer):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    encoded = task.encode(rows, tokenizer=tokenizer, target=target, max_tokens=32)
    batch = task.collate(encoded, np.array([3, 1, 4]), tokenizer=tokenizer)
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["input_ids"].shape[1] == encoded.lengths[[3, 1, 4]].max()
    assert len(batch["labels"]) == 3


def test_outputs_are_decoded_measured_and_answered(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold, outputs = task.gold(rows, target), outputs_for(target, len(rows))
    tuned = task.tune(outputs, gold, target)
    predictions = task.decode(outputs, tuned)
    assert predictions.answers.shape == gold.shape
    measured = task.measure(gold, predictions, tuned)(None)
    assert np.isfinite(measured[task.main_metric])
    for top_k in (1, 2, None):
        answer = task.answer(predictions, 0, tuned, top_k=top_k)
        for one in answer if isinstance(answer, list) else [answer]:
            assert set(one) == {"label", "score"}
            assert isinstance(one["label"], str)
            assert isinstance(one["score"], float)


def test_right_answers_score_best(task):
    rows = task.toy_rows()
    target = task.learn_target(rows)
    gold = task.gold(rows, target)
    perfect = {
        "single-label": lambda: 20 * np.eye(target.n_outputs)[gold],
        "multi-label": lambda: 40 * (gold - 0.5),
        "number": lambda: task.to_targets(gold, target)[:, None],
    }[target.kind]()
    best = task.measure(gold, task.decode(perfect, target), target)(None)[task.main_metric]
    assert best == pytest.approx(1.0)


def test_its_baselines_fit_it(task):
    target = task.learn_target(task.toy_rows())
    for baseline in task.baselines:
        plugin = find("baselines", baseline)
        assert task.unit in plugin.units
        assert target.kind in plugin.kinds
