"""Encoders of images that are fine-tuned with the model: kept, resumed, read back; or alone."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import luthier
from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from tests.tiny_media import write_resnet
from tests.toys import toy_rows, toy_tree

TASK = "multimodal-classification"
INPUTS = {"text": "text", "photo": "image", "price": "number"}


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    return write_resnet(tmp_path_factory.mktemp("resnet"))


def rows():
    """Make rows whose label a picture tells; some have none."""
    draw, columns = np.random.default_rng(0), {"text": [], "photo": [], "price": [], "label": []}
    for n in range(60):
        pixels = draw.integers(0, 90, (16, 16, 3)).astype(np.uint8)
        pixels[:, slice(0, 8) if n % 2 else slice(8, 16)] += 150
        columns["text"].append(f"Item {n}")
        columns["photo"].append(pixels if n % 10 else None)
        columns["price"].append(float(n))
        columns["label"].append("left" if n % 2 else "right")
    return Rows.of(columns)


def tree(model, resnet, *, inputs=INPUTS, tuned=("photo",), **training):
    options = {
        "inputs": inputs,
        "encoders": {"image": str(resnet)},
        "tuned": list(tuned),
        "joint_width": 16,
        "joint_rate": 2.0,
    }
    steps = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, **training}
    return toy_tree(TASK, model, options=options, training=steps, baselines=["majority"])


def run(made, out, **options):
    return luthier.run(made, out=out, data={"train": rows()}, **options)


def weights_of(folder):
    kept = load_file(folder / "model" / "encoders" / "photo" / "model.safetensors")
    return {**kept, **load_file(folder / "model" / "head.safetensors")}


def test_an_encoder_is_tuned_and_its_statistics_stay(tiny_model, resnet, tmp_path):
    run(tree(tiny_model("bert"), resnet), tmp_path / "run")
    before, after = load_file(resnet / "model.safetensors"), weights_of(tmp_path / "run")
    moved = {
        name
        for name, one in before.items()
        if (own := after.get(name[7:])) is not None and not torch.equal(one, own)
    }
    assert any(name.endswith("convolution.weight") for name in moved)
    assert not any("running" in name or "tracked" in name for name in moved)
    assert any("running_var" in name for name in after)


def test_the_report_shows_the_pictures_of_mistaken_rows(tiny_model, resnet, tmp_path):
    done = run(tree(tiny_model("bert"), resnet, max_steps=1), tmp_path / "run")
    kept = RunFolder.open(done.folder).read_json("panels")["panels"]
    (panel,) = (one for one in kept if one["kind"] == "mistakes")
    seen = {one["role"]: one for row in panel["data"]["rows"] for one in row["inputs"]}
    assert seen.keys() == {"text", "photo", "price"}
    assert seen["price"]["data"]
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert '<img src="data:image/jpeg;base64,' in page
    assert "media-src data:" in page


def test_a_resumed_run_ends_with_the_same_bits(tiny_model, resnet, tmp_path):
    made = tree(tiny_model("bert"), resnet)
    run(made, tmp_path / "whole")

    def stop(info):
        if info.phase == "fine-tuning" and info.step == 4:
            raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        run(made, tmp_path / "left", listeners=[stop])
    run(made, tmp_path / "left")
    assert RunFolder(tmp_path / "left").attempts()[-1]["resumed"]
    whole, left = weights_of(tmp_path / "whole"), weights_of(tmp_path / "left")
    assert whole.keys() == left.keys()
    assert all(torch.equal(one, left[name]) for name, one in whole.items())


def test_what_is_saved_answers_alike(tiny_model, resnet, tmp_path):
    done = run(tree(tiny_model("bert"), resnet), tmp_path / "run")
    judge, given = luthier.load(done.folder), rows()
    lines = list(RunFolder.open(done.folder).read_predictions())
    places = [int(float(line["columns"]["price"])) for line in lines]
    asked = [{role: given[role][place] for role in INPUTS} for place in places]
    for said, line in zip(judge(asked), lines, strict=True):
        kept = line["predictions"]["fine-tuned"]
        assert said["label"] == kept["answer"]
        assert said["score"] == pytest.approx(max(kept["probabilities"]), abs=1e-5)


@pytest.mark.parametrize(
    "inputs", [{"price": "number"}, {"photo": "image"}, {"photo": "image", "price": "number"}]
)
@pytest.mark.parametrize("tuned", [False, True])
def test_rows_without_texts_need_no_model_of_texts(resnet, tmp_path, inputs, tuned):
    if tuned and "photo" not in inputs:
        return
    made = tree("none", resnet, inputs=inputs, tuned=["image"] if tuned else [], max_steps=30)
    done = run(made, tmp_path / "run")
    judge = luthier.load(done.folder)
    row = {"price": 3.0, "photo": rows()["photo"][3]}
    said = judge({role: row[role] for role in inputs})
    assert said["label"] in ("left", "right")
    if "photo" in inputs:
        assert said["label"] == "left"


def test_a_model_that_nothing_is_given_to_is_refused(tiny_model, resnet, tmp_path):
    with pytest.raises(RecipeError, match="nothing for the model to read"):
        run(
            tree(tiny_model("bert"), resnet, inputs={"price": "number"}, tuned=[]), tmp_path / "run"
        )


def test_texts_are_not_read_by_no_model(resnet, tmp_path):
    with pytest.raises(luthier.errors.ModelError, match="read by a model"):
        run(tree("none", resnet), tmp_path / "run")
    with pytest.raises(luthier.errors.ModelError, match="read by a model"):
        luthier.run(
            toy_tree("text-classification", "none"),
            out=tmp_path / "run",
            data={"train": toy_rows("text-classification")},
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tuned": ["price"]}, "no image or audio"),
        ({"tuned": ["image"], "encoders": {"image": "thumbnail"}}, "has no weights"),
        ({"inputs": {"a/b": "image"}, "encoders": {"image": "thumbnail"}}, "name of a folder"),
    ],
)
def test_what_cannot_be_tuned_is_refused(tiny_model, options, words):
    given = {"inputs": INPUTS, "encoders": {"image": "some/model"}, **options}
    with pytest.raises(RecipeError) as refused:
        read_recipe(toy_tree(TASK, tiny_model("bert"), options=given))
    assert words in str(refused.value)
