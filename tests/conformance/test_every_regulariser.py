"""What every regulariser in the catalogue promises: a description, and a state that resumes."""

import json

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForSequenceClassification

from luthier import pipeline
from luthier.errors import RecipeError
from luthier.job import Plan, Regulariser
from luthier.objective import Objective
from luthier.recipe.checks import check
from luthier.recipe.tree import Training
from luthier.registry import find, names
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from tests.torture.trial import file_hash
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"
TRAINING = {"max_steps": 8, "save_strategy": "steps", "save_steps": 3, "use_cpu": True}
each = pytest.mark.parametrize("name", names("regularisers"))


def make(name, **options):
    plugin = find("regularisers", name)
    return plugin(plugin.Options(**options))


@each
def test_it_is_described(name):
    plugin = find("regularisers", name)
    assert plugin.name == name
    assert plugin.__doc__.strip()
    assert issubclass(plugin, Regulariser)
    assert all(field.description for field in plugin.Options.model_fields.values())


@each
def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError, match="surely_no_option"):
        make(name, surely_no_option=1)


def after_steps(name, folder, *, n_steps):
    """Give a regulariser and its model after some steps."""
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    made = make(name)
    made.prepare(model, Plan(Training(), Objective("cross-entropy")))
    made.begin(model, 4)
    for step in range(1, n_steps + 1):
        with torch.no_grad():
            model.classifier.weight.add_(step)
        made.after_step(model, step, 4)
    return made, model


@each
def test_the_state_goes_into_files_and_comes_back_equal(name, tiny_model):
    made, _ = after_steps(name, tiny_model("bert"), n_steps=3)
    kept = made.state_dict()
    tensors = {key: one.clone() for key, one in kept.items() if isinstance(one, torch.Tensor)}
    rest = json.loads(json.dumps({key: one for key, one in kept.items() if key not in tensors}))
    fresh, _ = after_steps(name, tiny_model("bert"), n_steps=0)
    fresh.load_state_dict({**tensors, **rest})
    again = fresh.state_dict()
    assert again.keys() == kept.keys()
    for key, one in kept.items():
        assert torch.equal(again[key], one) if key in tensors else again[key] == one


@each
def test_weights_that_are_trained_are_back_after_an_evaluation(name, tiny_model):
    made, model = after_steps(name, tiny_model("bert"), n_steps=3)
    before = {key: one.clone() for key, one in model.state_dict().items()}
    with made.evaluated(model):
        pass
    assert all(torch.equal(one, before[key]) for key, one in model.state_dict().items())


def run(tree, out, **options):
    return RunFolder(pipeline.run(tree, out=out, data={"train": toy_rows(TASK)}, **options).folder)


def give_up(info):
    if info.phase == "fine-tuning" and info.step == 5:
        raise Interrupted("Stopped.")


@each
def test_an_interrupted_training_resumes_to_the_same_weights(name, tiny_model, tmp_path):
    tree = toy_tree(TASK, tiny_model("bert"), regularisers=[name], training=TRAINING, baselines=[])
    whole = run(tree, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tree, tmp_path / "left", listeners=[give_up])
    resumed = run(tree, tmp_path / "left")
    assert resumed.attempts()[1]["resumed"][0]["step"] == 3
    hashes = {file_hash(one.model / "model.safetensors") for one in (whole, resumed)}
    assert len(hashes) == 1


@each
@pytest.mark.parametrize("method", ["knn", "prototypes"])
def test_a_method_that_takes_no_steps_is_refused(name, method, tiny_model):
    tree = toy_tree(TASK, tiny_model("bert"), method=method, regularisers=[name])
    with pytest.raises(RecipeError, match="takes no training steps"):
        check(tree)


@each
def test_another_engine_is_refused(name, tiny_model):
    tree = toy_tree(TASK, tiny_model("bert"), engine="tensorflow", regularisers=[name])
    with pytest.raises(RecipeError, match="are hooks in PyTorch, and engine tensorflow has none"):
        check(tree)
