"""What several processes cannot share is refused by name before training."""

import pytest

from luthier.distributed import group as module
from luthier.distributed.group import Group
from luthier.errors import TrainingError
from luthier.registry import find, names
from luthier.training.together import refuse_alone
from tests.toys import toy_problem

TASK = "text-classification"


class Two(Group):
    """The first of two processes."""

    size = 2


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(module._Current, "group", Two())


@pytest.mark.parametrize("name", names("regularisers"))
def test_a_regulariser_is_shared_or_refused_by_name(name, two, tiny_model):
    job = toy_problem(TASK, tiny_model("bert"), regularisers=[name])[1].job
    if find("regularisers", name).by_rows:
        refuse_alone(job)
    else:
        with pytest.raises(TrainingError, match="cannot be shared") as told:
            refuse_alone(job)
        assert f"'{name}' needs the gradient of all rows" in told.value.received


@pytest.mark.parametrize("name", names("regularisers"))
def test_sharded_weights_refuse_every_regulariser(name, two, tiny_model):
    training = {"sharding": "fsdp"}
    job = toy_problem(TASK, tiny_model("bert"), regularisers=[name], training=training)[1].job
    with pytest.raises(TrainingError) as told:
        refuse_alone(job)
    assert f"'{name}' needs whole weights" in told.value.received
