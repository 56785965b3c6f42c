"""Methods that change the model or the loss go on after an interruption as if there were none."""

import pytest

from luthier import pipeline
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from tests.torture.trial import file_hash
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"
TRAINING = {
    "max_steps": 8,
    "save_strategy": "steps",
    "save_steps": 3,
    "gradient_checkpointing": True,
}


@pytest.fixture(params=["prompt-mlm", "distillation", "distillation with states", "peft"])
def recipe(request, tiny_model, tiny_teacher):
    """Give the recipe of each method."""
    name, _, states = request.param.partition(" ")
    options = {}
    if name == "distillation":
        options = {"teacher": str(tiny_teacher(TASK)), "hidden_states": bool(states)}
    if name == "peft":  # its allocator has a state of its own, and has begun when it is stopped
        options = {"tuner": "ADALORA", "config": {"init_r": 4, "target_r": 2, "tinit": 1}}
    return toy_tree(
        TASK,
        tiny_model("bert", "MaskedLM"),
        method={"name": name, "options": options},
        training=TRAINING,
        baselines=[],
    )


def run(recipe, out, **options):
    data = {"train": toy_rows(TASK)}
    return RunFolder(pipeline.run(recipe, out=out, data=data, **options).folder)


def give_up(info):
    if info.phase == "fine-tuning" and info.step == 5:
        raise Interrupted("Stopped.")


def test_the_same_call_goes_on_to_the_same_weights(recipe, tmp_path):
    whole = run(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(recipe, tmp_path / "left", listeners=[give_up])
    gone_on = run(recipe, tmp_path / "left")
    assert gone_on.attempts()[1]["resumed"][0]["step"] == 3
    hashes = {file_hash(one.model / "model.safetensors") for one in (whole, gone_on)}
    assert len(hashes) == 1
