"""Prefixes say before training what they do not go with."""

import pytest

from luthier.errors import RecipeError
from luthier.methods.prefix_tuning import PrefixTuning
from tests.toys import toy_problem


def test_computing_activations_again_is_refused(tiny_model):
    training = {"gradient_checkpointing": True, "use_cpu": True}
    job = toy_problem("text-classification", tiny_model("bert"), training=training)[1].job
    steps = PrefixTuning(PrefixTuning.Options(num_virtual_tokens=3)).fit(
        job.session.make_model(True), job
    )
    with pytest.raises(RecipeError, match="drops the prefixes") as told:
        next(steps)
    assert told.value.received == "training.gradient_checkpointing=true"
    assert "training.gradient_checkpointing=false" in told.value.hint
