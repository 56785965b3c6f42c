"""QLoRA: frozen layers in 4 bits while training, and a checkpoint of the weights trained with."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from luthier.adapters.quantised import dequantise, quantise
from luthier.environment import install_command
from luthier.errors import ModelError
from luthier.models.structure import linear_layers
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.training.listeners import follow
from tests.outputs import outputs_of
from tests.toys import toy_problem

TRAINING = {"max_steps": 3, "learning_rate": 1e-2, "use_cpu": True, "eval_strategy": "no"}


def weigh(model):
    """Count the bytes of the weights of a model's layers that are not trained."""
    kept = [model.get_submodule(name) for name in linear_layers(model)]
    return sum(layer.weight.nbytes for layer in kept if not layer.weight.requires_grad)


def tune(folder, **options):
    """Learn three steps; give the method, what was prepared and the model."""
    _, prepared = toy_problem("text-classification", folder, training=TRAINING)
    method = make_plugin("methods", Plugin(name="qlora", options=options))
    model = follow(
        method.fit(prepared.job.session.make_model(True), prepared.job), lambda info: None
    )
    return method, prepared, model


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_layers_that_got_their_precision_back_compute_the_same(family, tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model(family), training=TRAINING)
    model = prepared.job.session.make_model(True).eval()
    full = outputs_of(model, prepared.job, "test")
    before, names = {name: one.shape for name, one in model.state_dict().items()}, []
    names = linear_layers(model)
    quantise(model, names, kind="nf4", double=True)
    kept = sum(model.get_submodule(name).weight.nbytes for name in names)
    assert kept * 8 == sum(before[f"{name}.weight"].numel() * 4 for name in names)
    rounded = outputs_of(model, prepared.job, "test")
    dequantise(model)
    assert {name: one.shape for name, one in model.state_dict().items()} == before
    assert np.allclose(outputs_of(model, prepared.job, "test"), rounded, atol=1e-5)
    assert not np.allclose(full, rounded, atol=1e-5), "nothing was rounded"


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_what_is_kept_answers_as_what_was_trained(family, merge, tiny_model, tmp_path):
    method, prepared, model = tune(tiny_model(family), merge=merge)
    assert weigh(model) > 0
    before = outputs_of(model, prepared.job, "test")
    method.save(model, prepared.job.problem.codec.processor, tmp_path)
    read, _ = method.load(tmp_path)
    assert np.allclose(outputs_of(read, prepared.job, "test"), before, atol=1e-5)


def test_a_missing_library_is_told_with_the_command_that_brings_it(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="bitsandbytes") as caught:
        tune(tiny_model("bert"))
    assert install_command("quantised") in caught.value.hint


def test_layers_that_are_no_whole_blocks_are_refused():
    with pytest.raises(ModelError, match="blocks of 64") as caught:
        quantise(nn.Sequential(nn.Linear(7, 3)), ["0"], kind="nf4", double=True)
    assert caught.value.received == "0 of 3 × 7 weights"


def test_a_library_that_would_fetch_code_stays_hidden_while_it_is_loaded(monkeypatch):
    from luthier.adapters.quantised import load_library

    marker = object()
    monkeypatch.setitem(sys.modules, "kernels", marker)
    assert load_library().nn.Linear4bit is not None
    assert sys.modules["kernels"] is marker
    assert torch.is_grad_enabled()
