"""A run goes on only with the model, the tokenizer and the rows that it was started with."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from luthier import pipeline
from luthier.errors import RunError
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from tests.seals import without_seal
from tests.toys import toy_rows, toy_tree

TRAINING = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}


def edited(name, change):
    """Make a change of one JSON file of a model's folder."""

    def edit(folder):
        content = json.loads((folder / name).read_text("utf-8"))
        change(content)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")

    return edit


def swap_words(content):
    vocabulary = content["model"]["vocab"]
    first, second = sorted(vocabulary, key=vocabulary.get)[20:22]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]


def move_weights(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if "layer.1" in name and "weight" in name)
    save_file({**weights, name: weights[name] + 1e-3}, path, metadata={"format": "pt"})


CHANGES = {
    "swapped words": ("tokenizer", edited("tokenizer.json", swap_words)),
    "case kept": (
        "tokenizer",
        edited("tokenizer.json", lambda one: one["normalizer"].update(lowercase=False)),
    ),
    "no special tokens": (
        "tokenizer",
        edited("tokenizer.json", lambda one: one.update(post_processor=None)),
    ),
    "another activation": (
        "configuration",
        edited("config.json", lambda one: one.update(hidden_act="relu")),
    ),
    "other dropout": (
        "configuration",
        edited("config.json", lambda one: one.update(hidden_dropout_prob=0.4)),
    ),
    "other norm": (
        "configuration",
        edited("config.json", lambda one: one.update(layer_norm_eps=1e-3)),
    ),
    "other weights": ("weights", move_weights),
}


def run(model, out, *, method="full", stop_at=None):
    def stop(info):
        if info.phase != "checking the data" and info.step == stop_at:
            raise Interrupted("Stopped.")

    tree = toy_tree("text-classification", model, method=method, training=TRAINING, baselines=[])
    given = {"train": toy_rows("text-classification")}
    return RunFolder(pipeline.run(tree, out=out, data=given, listeners=[stop]).folder)


@pytest.mark.parametrize("method", ["full", "linear-probe"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_changed_in_between_is_refused_by_name(tiny_model, tmp_path, change, method):
    model = tmp_path / "model"
    shutil.copytree(tiny_model("bert"), model)
    with pytest.raises(Interrupted):
        run(model, tmp_path / "run", method=method, stop_at=4)
    what, edit = CHANGES[change]
    shutil.copytree(model, tmp_path / "as it was")
    edit(model)
    with pytest.raises(RunError, match=f"The {what} changed since this run was started") as caught:
        run(model, tmp_path / "run", method=method)
    assert "--fresh" in caught.value.hint
    if change == "another activation":
        assert caught.value.received == "hidden_act: gelu before, relu now"
    shutil.rmtree(model)
    shutil.move(tmp_path / "as it was", model)
    assert run(model, tmp_path / "run", method=method).state()["state"] == "finished"


def test_a_teacher_that_changed_in_between_is_refused(tiny_model, tiny_teacher, tmp_path):
    teacher = tmp_path / "teacher"
    shutil.copytree(tiny_teacher("text-classification"), teacher)
    method = {"name": "distillation", "options": {"teacher": str(teacher)}}
    with pytest.raises(Interrupted):
        run(tiny_model("bert"), tmp_path / "run", method=method, stop_at=4)
    move_weights(without_seal(teacher) / "model")
    with pytest.raises(RunError, match="The teacher changed"):
        run(tiny_model("bert"), tmp_path / "run", method=method)
