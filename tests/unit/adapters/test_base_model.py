"""An adapter that was kept alone is put onto the base model it was trained on, and no other."""

import json
import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModel

from luthier.adapters.base_model import BASE_FILE, digest
from luthier.errors import ModelError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.training.listeners import follow
from tests.outputs import outputs_of
from tests.toys import FAMILY, toy_problem

TRAINING = {"max_steps": 2, "learning_rate": 1e-2, "use_cpu": True, "eval_strategy": "no"}
ALONE = {"merge": False}
PROMPTS = {"num_virtual_tokens": 3}


@pytest.fixture
def kept(tiny_model, tmp_path):
    """Learn an adapter and keep it alone; give its method, its folder and its base's."""

    def make(name="lora", options=ALONE, task="text-classification", family="bert"):
        base, folder = tmp_path / "base", tmp_path / "kept"
        shutil.copytree(tiny_model(FAMILY.get(task, family)), base)
        _, prepared = toy_problem(task, base, training=TRAINING)
        method = make_plugin("methods", Plugin(name=name, options=options))
        model = follow(
            method.fit(prepared.job.session.make_model(True), prepared.job), lambda info: None
        )
        method.save(model, prepared.job.problem.codec.processor, folder)
        return method, folder, base

    return make


def fill_anew(base, *, seed=1, **changes):
    """Write another model into the base's folder."""
    config = AutoConfig.from_pretrained(base)
    for name, value in changes.items():
        setattr(config, name, value)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        AutoModel.from_config(config).save_pretrained(base)


@pytest.mark.parametrize(
    ("name", "options", "task"),
    [
        ("lora", ALONE, "text-classification"),
        ("lora", ALONE, "translation"),
        ("lora", ALONE, "causal-lm"),
        ("ia3", ALONE, "text-classification"),
        ("qlora", ALONE, "text-classification"),
        ("prompt-tuning", PROMPTS, "text-classification"),
        ("prefix-tuning", PROMPTS, "text-classification"),
    ],
)
def test_other_weights_of_the_same_shapes_are_refused(name, options, task, kept):
    if name == "qlora":
        pytest.importorskip("bitsandbytes")
    method, folder, base = kept(name, options, task)
    method.load(folder)
    fill_anew(base)
    with pytest.raises(ModelError, match="trained on another base model") as caught:
        method.load(folder)
    assert str(base) in caught.value.received
    assert "bring the base model back" in caught.value.hint


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize(
    "changes", [{"hidden_size": 64, "intermediate_size": 128}, {"num_hidden_layers": 1}]
)
def test_a_base_of_another_shape_is_refused(changes, is_old, kept):
    method, folder, base = kept()
    if is_old:
        (folder / BASE_FILE).unlink()
    fill_anew(base, **changes)
    with pytest.raises(ModelError, match="trained on another base model") as caught:
        method.load(folder)
    assert "of the right shape" in caught.value.received


@pytest.mark.parametrize(
    ("name", "options"),
    [("lora", ALONE), ("prompt-tuning", PROMPTS), ("peft", {"tuner": "LOHA", **ALONE})],
)
def test_a_folder_of_an_older_version_is_read(name, options, kept):
    method, folder, _ = kept(name, options)
    (folder / BASE_FILE).unlink()
    model, _ = method.load(folder)
    assert not model.training


def test_the_base_may_lie_there_again_with_another_head(kept):
    method, folder, base = kept()
    model = AutoModel.from_pretrained(base)
    model.config.id2label = dict(enumerate("abcdefg"))
    model.save_pretrained(base)
    read, _ = method.load(folder)
    assert read.config.num_labels == 3


@pytest.mark.parametrize(
    "content", [{}, {"sha256": 1, "head": []}, {"sha256": "a", "head": [], "revision": "../x"}]
)
def test_a_record_that_says_nothing_is_told(content, kept):
    method, folder, _ = kept()
    (folder / BASE_FILE).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match="does not identify the base model"):
        method.load(folder)


def test_a_digest_follows_from_names_shapes_and_bytes_outside_the_head():
    def layers(first=1.0, last=1.0, width=2):
        made = torch.nn.Sequential(torch.nn.Linear(width, 2), torch.nn.Linear(2, 2))
        for part, value in zip(made, (first, last), strict=True):
            torch.nn.init.constant_(part.weight, value)
            torch.nn.init.zeros_(part.bias)
        return made

    same = digest(layers(), ["1"])
    assert digest(layers(last=3.0), ["1"]) == same
    assert digest(layers(first=1.0000001), ["1"]) != same
    assert digest(layers(width=4), ["1"]) != same
    assert digest(layers(), []) != same


def test_what_is_kept_apart_is_read_apart_or_merged(kept):
    method, folder, _ = kept()
    apart, _ = method.load_apart(folder)
    whole, _ = method.load(folder)
    assert hasattr(apart, "peft_config")
    assert not hasattr(whole, "peft_config")
    _, prepared = toy_problem("text-classification", folder.parent / "base", training=TRAINING)
    before = outputs_of(apart, prepared.job, "test")
    assert outputs_of(whole, prepared.job, "test") == pytest.approx(before, abs=1e-5)
