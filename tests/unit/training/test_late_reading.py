"""Where reading a loss is waiting for the device, it is read late, and nothing else changes."""

import pytest
import torch

from luthier.errors import TrainingError
from luthier.training import engine, loop
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.update import Update
from tests.toys import toy_problem


def learn(tiny_model, **training):
    """Train on toy rows; give the weights and what was told."""
    training = {"max_steps": 12, "logging_steps": 5, "use_cpu": True, **training}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=training)
    told = []
    model = follow(train(prepared.job.session.make_model(True), prepared.job), told.append)
    return model.state_dict(), told


def test_the_weights_and_the_log_are_the_same(tiny_model, monkeypatch):
    weights, told = learn(tiny_model)
    monkeypatch.setattr(engine, "is_far", lambda device: True)
    late, told_late = learn(tiny_model)
    assert all(torch.equal(late[name], values) for name, values in weights.items())
    assert told_late == told


def test_losses_are_read_only_where_they_are_told(tiny_model, monkeypatch):
    monkeypatch.setattr(engine, "is_far", lambda device: True)
    reads = []
    whole = loop.LossLog.read
    monkeypatch.setattr(loop.LossLog, "read", lambda self: reads.append(whole(self)) or reads[-1])
    _, told = learn(tiny_model, eval_strategy="no")
    assert [len(read) for read in reads] == [5, 5, 2]
    assert [info.step for info in told if info.loss is not None] == [5, 10, 12]


def test_a_loss_that_is_none_is_refused_by_the_step_that_it_came_in(tiny_model, monkeypatch):
    monkeypatch.setattr(engine, "is_far", lambda device: True)
    whole, calls = Update.gradient, []

    def broken(self, batches):
        loss, norm = whole(self, batches)
        calls.append(loss)
        return (loss * float("nan") if len(calls) == 3 else loss), norm

    monkeypatch.setattr(Update, "gradient", broken)
    with pytest.raises(TrainingError, match="no longer a finite number") as caught:
        learn(tiny_model, eval_strategy="no")
    assert "at step 3" in caught.value.received
    assert len(calls) == 5
