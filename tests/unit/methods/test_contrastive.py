"""Contrastive training says before it begins what it has no pairs for."""

import pytest

from luthier.errors import RecipeError
from luthier.methods.contrastive import Contrastive
from tests.toys import toy_problem


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_batch_without_room_for_equal_and_unequal_pairs_is_refused(size, tiny_model):
    training = {"per_device_train_batch_size": size, "use_cpu": True}
    job = toy_problem("text-classification", tiny_model("bert"), training=training)[1].job
    steps = Contrastive(Contrastive.Options()).fit(job.session.make_model(True), job)
    with pytest.raises(RecipeError, match="two texts of two labels") as told:
        next(steps)
    assert told.value.received == f"training.per_device_train_batch_size={size}"
    assert "training.per_device_train_batch_size=4" in told.value.hint


def test_batches_by_tokens_are_refused(tiny_model):
    training = {"tokens_per_batch": 400, "use_cpu": True}
    job = toy_problem("text-classification", tiny_model("bert"), training=training)[1].job
    steps = Contrastive(Contrastive.Options()).fit(job.session.make_model(True), job)
    with pytest.raises(RecipeError, match="a fixed number of texts") as told:
        next(steps)
    assert told.value.received == "training.tokens_per_batch=400"
