"""The loop: eight batches of one equal one batch of eight; the same seed gives the same model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from luthier.errors import TrainingError
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.outputs import outputs_of
from tests.silence import silence
from tests.toys import toy_problem


def trained(tiny_model, *, training, options=None, model=None, dropout=None):
    """Train a tiny BERT; give its weights and the steps."""
    _, prepared = toy_problem(
        "text-classification",
        tiny_model("bert"),
        training={"eval_strategy": "no", "max_steps": 4, **training},
        options=options or {},
        model=model or {},
    )
    seen = []
    made = prepared.job.session.make_model(True)
    for module in made.modules():
        if dropout is not None and isinstance(module, torch.nn.Dropout):
            module.p = dropout
    made = follow(train(made, prepared.job), seen.append)
    return {name: p.detach().clone() for name, p in made.named_parameters()}, seen


@pytest.mark.parametrize("options", [{}, {"class_weights": {"rain": 5.0}}, {"loss": "focal"}])
@pytest.mark.parametrize(("rows", "batches"), [(1, 8), (3, 2), (2, 4)])
def test_accumulated_batches_equal_one_large_batch(tiny_model, rows, batches, options):
    shared = {"train_sampling_strategy": "sequential", "optim": "sgd", "learning_rate": 0.1}
    large, _ = trained(
        tiny_model,
        training={**shared, "per_device_train_batch_size": rows * batches},
        options=options,
        dropout=0.0,
    )
    small, _ = trained(
        tiny_model,
        training={
            **shared,
            "per_device_train_batch_size": rows,
            "gradient_accumulation_steps": batches,
        },
        options=options,
        dropout=0.0,
    )
    for name, values in large.items():  # sums in another order differ in the last digits
        assert torch.allclose(values, small[name], atol=2e-6), name


def weighed(tiny_model, change, **training):
    """Train by SGD on changed items of the training rows, as they come; give the weights."""
    shared = {"train_sampling_strategy": "sequential", "optim": "sgd", "learning_rate": 0.1}
    shared |= {"eval_strategy": "no", "max_steps": 3, "unpadded": False}
    job = toy_problem("text-classification", tiny_model("bert"), training={**shared, **training})[1]
    job = job.job
    items = {**job.problem.items, "train": change(job.problem.items["train"])}
    model = job.session.make_model(True)
    silence(model)
    return follow(train(model, job.with_problem(items=items)), lambda info: None).state_dict()


def with_weights(items):
    """Weigh the first batches unequally, and one of their rows not at all."""
    weights = np.ones(len(items), dtype=np.float32)
    weights[:8] = [0.0, 2.0, 0.5, 1.0, 3.0, 0.25, 1.0, 2.0]
    return replace(items, weights=weights)


def test_accumulated_batches_of_unequal_weights_equal_one_large_batch(tiny_model):
    large = weighed(tiny_model, with_weights, per_device_train_batch_size=8)
    accumulated = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}
    small = weighed(tiny_model, with_weights, **accumulated)
    for name, values in large.items():
        assert torch.allclose(values, small[name], atol=2e-6), name


def test_a_batch_without_weight_moves_nothing(tiny_model):
    def weightless(items):
        return replace(items, weights=np.zeros(len(items), dtype=np.float32))

    still = {"weight_decay": 0.0, "max_steps": 2}
    before = weighed(tiny_model, lambda items: items, **still, learning_rate=1e-30)
    after = weighed(tiny_model, weightless, **still)
    for name, values in before.items():
        assert torch.allclose(values, after[name], rtol=0, atol=1e-25), name  # 1e-30 moves zeros


def test_the_same_seed_gives_the_same_model(tiny_model):
    first, _ = trained(tiny_model, training={"seed": 3})
    torch.rand(17)  # whatever else the process draws
    second, _ = trained(tiny_model, training={"seed": 3})
    other, _ = trained(tiny_model, training={"seed": 4})
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_clipping_bounds_the_step(tiny_model):
    shared = {"optim": "sgd", "learning_rate": 1.0, "warmup_steps": 0, "weight_decay": 0.0}
    start, _ = trained(tiny_model, training={**shared, "learning_rate": 1e-12, "max_steps": 1})
    end, _ = trained(tiny_model, training={**shared, "max_grad_norm": 1e-3, "max_steps": 1})
    moved = sum(((end[name] - start[name]) ** 2).sum() for name in start) ** 0.5
    assert float(moved) == pytest.approx(1e-3, rel=0.01)


def test_frozen_parts_do_not_move(tiny_model):
    structure = {"freeze_embeddings": True, "freeze_bottom": 1}
    start, _ = trained(tiny_model, training={"learning_rate": 1e-12, "weight_decay": 0.0})
    end, _ = trained(tiny_model, training={}, model=structure)
    frozen = [name for name in start if "embeddings" in name or "layer.0." in name]
    assert len(frozen) > 10
    assert all(torch.allclose(start[name], end[name], atol=1e-7) for name in frozen)
    assert not torch.allclose(start["classifier.weight"], end["classifier.weight"], atol=1e-3)


def test_steps_are_told_with_loss_rate_and_scores(tiny_model):
    _, seen = trained(
        tiny_model,
        training={"eval_strategy": "steps", "eval_steps": 2, "logging_steps": 1},
    )
    assert [info.step for info in seen] == [1, 2, 3, 4]
    assert [info.scores is not None for info in seen] == [False, True, False, True]
    assert all(np.isfinite(info.loss) and info.n_steps == 4 and info.rows == 8 for info in seen)
    assert seen[0].learning_rate == 0.0
    assert any(info.is_best for info in seen)


def test_a_loss_that_is_no_number_stops_training_and_says_how(tiny_model):
    with pytest.raises(TrainingError) as caught:
        trained(
            tiny_model,
            training={
                "optim": "sgd",
                "learning_rate": 1e30,
                "logging_steps": 1,
                "max_grad_norm": 0,
                "warmup_steps": 0,
            },
        )
    assert "training.learning_rate=" in caught.value.hint


def test_early_stopping_ends_training(tiny_model):
    _, seen = trained(
        tiny_model,
        training={
            "learning_rate": 1e-12,
            "eval_strategy": "steps",
            "eval_steps": 1,
            "early_stopping_patience": 2,
            "max_steps": 50,
        },
    )
    scored = [step for step in seen if step.scores]
    assert len(scored) == 3
    assert "stopped early" in scored[-1].message


@pytest.mark.parametrize("precision", ["bf16"])
def test_mixed_precision_trains_and_gives_back_a_plain_model(tiny_model, precision):
    _, prepared = toy_problem(
        "text-classification", tiny_model("bert"), training={precision: True, "max_steps": 2}
    )
    model = follow(train(prepared.job.session.make_model(True), prepared.job), lambda info: None)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_predictions_do_not_depend_on_the_batch_size(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    job, model = prepared.job, prepared.job.session.make_model(True).eval()
    one, many = (
        outputs_of(
            model,
            job.with_plan(
                training=job.plan.training.model_copy(update={"per_device_eval_batch_size": size})
            ),
            "test",
        )
        for size in (1, 64)
    )
    assert np.allclose(one, many, atol=1e-5)


def test_gradient_checkpointing_gives_the_same_weights(tiny_model):
    plain, _ = trained(tiny_model, training={}, dropout=0.0)
    saving, _ = trained(tiny_model, training={"gradient_checkpointing": True}, dropout=0.0)
    assert all(torch.allclose(plain[name], saving[name], atol=1e-5) for name in plain)
