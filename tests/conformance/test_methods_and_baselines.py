"""Every method and baseline in the catalogue keeps its contract, for every task that it fits."""

import numpy as np
import pytest
from pydantic import ValidationError

from luthier.registry import find, names
from luthier.training.follow import follow
from luthier.training.predict import predict_quietly
from tests.toys import toy_problem

FITTING = [
    (baseline, task)
    for baseline in names("baselines")
    for task, kind in {
        "text-classification": "single-label",
        "pair-classification": "single-label",
        "multi-label-classification": "multi-label",
        "text-regression": "number",
    }.items()
    if kind in find("baselines", baseline).kinds
]


def make(kind, name):
    plugin = find(kind, name)
    return plugin(plugin.Options())


@pytest.mark.parametrize("name", names("methods"))
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_method_trains_tells_saves_and_loads(name, family, tiny_model, tmp_path):
    _, prepared = toy_problem("text-classification", tiny_model(family))
    method, job, steps = make("methods", name), prepared.job, []
    model = follow(method.fit(job.make_model(True), job), steps.append)
    trained = [info for info in steps if info.phase == job.phase]
    assert [info.step for info in trained] == list(range(1, trained[-1].n_steps + 1))
    assert any(info.scores for info in trained)
    assert not model.training

    before = predict_quietly(model, job.encoded["test"], job.collate, batch_size=8)
    method.save(model, prepared.tokenizer, tmp_path)
    again, tokenizer = method.load(tmp_path)
    assert tokenizer.get_vocab() == prepared.tokenizer.get_vocab()
    after = predict_quietly(again, job.encoded["test"], job.collate, batch_size=8)
    assert np.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("name", names("methods"))
def test_a_method_lowers_the_loss(name, tiny_model):
    _, prepared = toy_problem(
        "text-classification", tiny_model("bert"), training={"logging_steps": 1}
    )
    steps = []
    follow(make("methods", name).fit(prepared.job.make_model(True), prepared.job), steps.append)
    losses = [info.loss for info in steps if info.loss is not None]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize("kind", ["methods", "baselines"])
def test_unknown_options_are_refused(kind):
    for name in names(kind):
        with pytest.raises(ValidationError):
            find(kind, name).Options(no_such_option=1)


@pytest.mark.parametrize(("name", "task"), FITTING)
def test_a_baseline_answers_validation_and_test_alike_every_time(name, task, tiny_model):
    _, prepared = toy_problem(task, tiny_model("bert"))
    job = prepared.job
    first, second = (follow(make("baselines", name).fit(job), lambda info: None) for _ in range(2))
    for split in ("validation", "test"):
        shape = (len(job.splits.__getattribute__(split)), job.target.n_outputs)
        assert first[split].shape == shape
        assert np.isfinite(first[split]).all()
        assert np.array_equal(first[split], second[split])


@pytest.mark.parametrize(("name", "task"), FITTING)
def test_a_baseline_copes_without_validation_rows(name, task, tiny_model):
    _, prepared = toy_problem(
        task, tiny_model("bert"), data={"split": {"validation": 0, "test": 0.3}}
    )
    outputs = follow(make("baselines", name).fit(prepared.job), lambda info: None)
    assert len(outputs["test"]) == len(prepared.job.splits.test)
