"""What a training computes with is measured where that pays, told, and kept with the run."""

import numpy as np
import pytest
import torch

from luthier import environment
from luthier.recipe.tree import Training
from luthier.runs import RunFolder
from luthier.training import autotune
from luthier.training.autotune import Choice, calibrate, measure, precision_of, work
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.toys import toy_problem

SLOW = Choice(1, False, {"1 x float32": 70.0, "1 x bfloat16": 8.0})
FAST = Choice(1, True, {"1 x float32": 70.0, "1 x bfloat16": 140.0})


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def problem(tiny_model):
    """Give a job and its model."""

    def make(**training):
        training = {"max_steps": 2, "use_cpu": True, **training}
        recipe, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
        return recipe, prepared.job, prepared.job.session.make_model(True)

    return make


def test_a_short_training_is_not_measured(problem, monkeypatch):
    monkeypatch.setattr(autotune, "measure", lambda *_: pytest.fail("it must not measure"))
    _, job, model = problem()
    assert calibrate(model, job) is None
    assert precision_of(job.plan.training, None) is False


def test_work_grows_with_tokens_and_weights(problem):
    _, job, model = problem(max_steps=10, per_device_train_batch_size=8)
    tokens = 10 * 8 * job.problem.items["train"].cost.mean()
    linear = [one.weight.numel() for one in model.modules() if isinstance(one, torch.nn.Linear)]
    assert work(model, job) == pytest.approx(6 * tokens * sum(linear))
    epochs = job.with_plan(training=Training(num_train_epochs=2, use_cpu=True))
    n_tokens = 2 * job.problem.items["train"].cost.sum()
    assert work(model, epochs) == pytest.approx(6 * n_tokens * sum(linear))


def test_rates_are_measured_for_what_is_open(problem, monkeypatch):
    monkeypatch.setattr(autotune, "SECONDS", 0.05)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    _, job, model = problem()
    found = measure(model, job)
    assert set(found.rates) == {
        f"{torch.get_num_threads()} x {kind}" for kind in ("float32", "bfloat16")
    }
    assert all(np.isfinite(rate) and rate > 0 for rate in found.rates.values())
    _, job, model = problem(bf16=False)
    assert not any("bfloat16" in name for name in measure(model, job).rates)
    assert not measure(model, job).bf16


@pytest.mark.parametrize(("half", "chosen"), [(200.0, True), (90.0, False)])
def test_bfloat16_is_taken_only_where_it_is_much_faster(half, chosen, problem, monkeypatch):
    def rates(tried, n_tokens, shape):
        return {one: half if one[1] == torch.bfloat16 else 70.0 for one in tried}

    monkeypatch.setattr(autotune, "_rates", rates)
    _, job, model = problem()
    assert measure(model, job).bf16 is chosen


@pytest.mark.parametrize(("other", "chosen"), [(100.0, 2), (75.0, 8)])
def test_other_threads_must_be_clearly_faster(other, chosen, problem, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr(autotune, "usable_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    monkeypatch.setattr(
        autotune,
        "_rates",
        lambda tried, *_: {one: other if one[0] == 2 else 70.0 for one in tried},
    )
    _, job, model = problem()
    assert measure(model, job).threads == chosen


def test_what_was_asked_for_stands():
    assert precision_of(Training(bf16=True, use_cpu=True), SLOW) is True
    assert precision_of(Training(bf16=False, use_cpu=True), FAST) is False
    assert precision_of(Training(use_cpu=True), FAST) is True
    assert precision_of(Training(use_cpu=True), SLOW) is False
    assert precision_of(Training(fp16=True, use_cpu=True), FAST) is False


def test_a_choice_is_told_kept_and_taken_again(problem, monkeypatch, tmp_path):
    monkeypatch.setattr(autotune, "WORTH", 0)
    monkeypatch.setattr(autotune, "measure", lambda *_: FAST)
    recipe, job, model = problem(unpadded=False)
    folder = RunFolder.create(tmp_path / "run", recipe)
    job = job.with_session(run=folder)
    seen = set()
    layer = next(part for part in model.modules() if isinstance(part, torch.nn.Linear))
    layer.register_forward_hook(lambda _, __, said: seen.add(said.dtype))
    told = []
    follow(train(model, job), told.append)
    assert "bfloat16" in told[0].message
    assert "140" in told[0].message
    assert torch.bfloat16 in seen
    monkeypatch.setattr(autotune, "measure", lambda *_: pytest.fail("it must not measure again"))
    assert calibrate(model, job) == FAST
    assert folder.read_json("autotune")["fine-tuning"]["bf16"] is True
    (folder.path / "autotune.json").rename(folder.path / "calibration.json")  # its former name
    assert calibrate(model, job) == FAST


@pytest.mark.parametrize(
    ("limits", "granted"), [("max 100000", None), ("150000 100000", 1.5), ("nonsense", None)]
)
def test_a_containers_share_of_processors_is_read(limits, granted, tmp_path):
    path = tmp_path / "cpu.max"
    path.write_text(limits)
    assert environment._quota(path) == granted
    assert environment._quota(tmp_path / "none") is None
    assert environment.usable_cores() >= 1
