"""Optimizers and schedules carry the names of TrainingArguments."""

import pytest
import torch
from torch import nn

from luthier.errors import RecipeError
from luthier.recipe.tree import Training
from luthier.training.optimizer import (
    OPTIMIZERS,
    SCHEDULES,
    check_training,
    make_optimizer,
    make_schedule,
)

MODEL = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_takes_a_step(name):
    model = nn.Linear(4, 2)
    before = model.weight.detach().clone()
    optimizer = make_optimizer(model.named_parameters(), Training(optim=name, learning_rate=0.1))
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    assert not torch.equal(model.weight, before)


def test_norms_and_biases_do_not_decay():
    optimizer = make_optimizer(MODEL.named_parameters(), Training(weight_decay=0.3))
    decayed, others = optimizer.param_groups
    assert decayed["weight_decay"] == 0.3
    assert {tuple(p.shape) for p in decayed["params"]} == {(4, 4), (2, 4)}
    assert others["weight_decay"] == 0
    assert len(others["params"]) == 4


def test_frozen_parameters_are_left_out():
    model = nn.Linear(4, 2)
    model.weight.requires_grad_(False)
    optimizer = make_optimizer(model.named_parameters(), Training())
    assert [tuple(p.shape) for p in optimizer.param_groups[0]["params"]] == [(2,)]


def test_momentum_and_nesterov_reach_sgd():
    settings = Training(optim="sgd", optim_args={"momentum": 0.9, "nesterov": True})
    group = make_optimizer(MODEL.named_parameters(), settings).param_groups[0]
    assert group["momentum"] == 0.9
    assert group["nesterov"] is True


def test_warm_up_may_be_a_share_or_a_number_of_steps():
    for warmup, n_warmup in ((0.2, 20), (5, 5)):
        optimizer = make_optimizer(MODEL.named_parameters(), Training(learning_rate=1.0))
        settings = Training(learning_rate=1.0, warmup_steps=warmup)
        schedule = make_schedule(optimizer, settings, n_steps=100)
        rates = []
        for _ in range(100):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        assert rates.index(max(rates)) == n_warmup
        assert rates[0] == 0.0


@pytest.mark.parametrize("name", ["linear", "cosine", "constant", "polynomial", "inverse_sqrt"])
def test_common_schedules_pass_the_check(name):
    assert name in SCHEDULES
    check_training(Training(lr_scheduler_type=name))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"optim": "adamw_torc"}, "did you mean 'adamw_torch'"),
        ({"lr_scheduler_type": "linaer"}, "did you mean 'linear'"),
        ({"optim": "adam", "optim_args": {"momentum": 0.9}}, "training.optim_args.momentum"),
        ({"optim": "sgd", "optim_args": {"nesterov": True}}, "Nesterov"),
        ({"lr_scheduler_kwargs": {"speed": 1}}, "lr_scheduler_kwargs"),
        ({"bf16": True, "fp16": True}, "exclude each other"),
        ({"eval_strategy": "steps"}, "training.eval_steps"),
    ],
)
def test_what_could_only_fail_later_is_refused_at_once(fields, told):
    with pytest.raises(RecipeError) as caught:
        check_training(Training(**fields))
    assert told in caught.value.received


def test_all_problems_are_told_together():
    with pytest.raises(RecipeError) as caught:
        check_training(Training(optim="x", lr_scheduler_type="y", bf16=True, fp16=True))
    assert caught.value.received.count("training") == 3
