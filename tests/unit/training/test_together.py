"""What several processes cannot share is refused by name before training."""

import pytest

from luthier.distributed import group as module
from luthier.distributed.group import Group
from luthier.errors import TrainingError
from luthier.job import Objective, Regulariser
from luthier.registry import names
from luthier.training.together import refuse_alone
from tests.toys import toy_problem

TASK = "text-classification"


class Two(Group):
    """The first of two processes."""

    size = 2


class Pairs(Regulariser):
    """A hook that compares the rows of a batch."""

    name = "pairs"
    by_rows = False


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(module._Current, "group", Two())


@pytest.mark.parametrize("name", names("regularisers"))
def test_a_regulariser_is_shared(name, two, tiny_model):
    refuse_alone(toy_problem(TASK, tiny_model("bert"), regularisers=[name])[1].job)


def test_a_hook_that_compares_rows_is_refused_by_name(two, tiny_model):
    job = toy_problem(TASK, tiny_model("bert"))[1].job
    with pytest.raises(TrainingError, match="cannot be shared") as told:
        refuse_alone(job.with_plan(regularisers=(Pairs(),)))
    assert "'pairs' needs the gradient of all rows" in told.value.received


def test_a_loss_that_compares_rows_has_no_shares_in_one_process(tiny_model):
    training = {"virtual_processes": 2}
    job = toy_problem(TASK, tiny_model("bert"), training=training)[1].job
    refuse_alone(job)
    with pytest.raises(TrainingError, match="cannot be shared") as told:
        refuse_alone(job.with_plan(objective=Objective("contrastive")))
    assert "batches of 2 shares, processes: 1" in told.value.received
    assert "training.virtual_processes" in told.value.hint


@pytest.mark.parametrize("name", names("regularisers"))
def test_sharded_weights_refuse_every_regulariser(name, two, tiny_model):
    training = {"sharding": "fsdp"}
    job = toy_problem(TASK, tiny_model("bert"), regularisers=[name], training=training)[1].job
    with pytest.raises(TrainingError) as told:
        refuse_alone(job)
    assert f"'{name}' needs whole weights" in told.value.received
