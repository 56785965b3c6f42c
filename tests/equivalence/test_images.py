"""Nothing assumes text: images are learned, saved plainly, read back and judged like texts."""

import numpy as np
import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification

import luthier
from luthier.columns import Limits
from luthier.errors import DataError
from luthier.inputs.image import Image
from luthier.padding import pad
from luthier.registry import CATALOGUE, find
from tests.toy_images import ToyImages


@pytest.fixture(scope="module")
def rows():
    CATALOGUE["tasks"]["toy-images"] = "tests.toy_images:ToyImages"  # the one catalogue line
    yield ToyImages.toy_rows()
    del CATALOGUE["tasks"]["toy-images"]
    find.cache_clear()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = ViTConfig(**sizes, intermediate_size=32, image_size=8, patch_size=4, num_channels=3)
    folder = tmp_path_factory.mktemp("vit")
    ViTForImageClassification(config).save_pretrained(folder)
    return folder


def recipe(model, **training):
    return {
        "model": str(model),
        "task": "toy-images",
        "data": {"train": "memory:train", "split": {"validation": 0.2, "test": 0.3}},
        "training": {"learning_rate": 1e-2, "use_cpu": True, **training},
        "regularisers": ["ema"],
        "evaluation": {"n_resamples": 100},
    }


def test_images_are_learned_and_read_back(rows, model, tmp_path):
    tree = recipe(model, num_train_epochs=8, per_device_train_batch_size=8)
    done = luthier.run(tree, out=tmp_path / "run", data={"train": rows})
    assert done.scores["fine-tuned"]["accuracy"].value > 0.9
    (beaten,) = done.comparisons
    assert beaten.p_adjusted < 0.05
    answers = luthier.load(done.folder)([{"image": one} for one in rows["image"][:6]])
    assert [one["label"] for one in answers] == rows["label"][:6]
    with pytest.raises(luthier.errors.DataError, match="asks for words") as refused:
        luthier.load(done.folder).explain({"image": rows["image"][0]})
    assert "image (image)" in refused.value.received
    by_hand = luthier.load(done.folder).explain({"image": rows["image"][0]}, by="occlusion")[0]
    values = {by_hand.word(n): one for n, one in enumerate(by_hand.attribution.values)}
    assert list(values) == [f"{row}{column}" for row in "ABCD" for column in range(1, 5)]
    assert sum(values.values()) > 0
    plain = ViTForImageClassification.from_pretrained(tmp_path / "run" / "model")
    assert set(plain.config.id2label.values()) == {"left", "right"}


def test_a_text_model_is_refused_for_images(rows, tiny_model, tmp_path):
    with pytest.raises(luthier.errors.ModelError, match="have no head for this task"):
        luthier.run(recipe(tiny_model("bert")), out=tmp_path / "run", data={"train": rows})


def test_images_stay_in_their_files_until_a_batch_is_made(rows, tmp_path):
    paths = []
    for number, pixels in enumerate(rows["image"][:3]):
        np.save(tmp_path / f"{number}.npy", pixels)
        paths.append(str(tmp_path / f"{number}.npy"))
    here = Image().encode([rows["image"][:3]], None, Limits(0))
    there = Image().encode([paths], None, Limits(0))
    chosen = np.array([2, 0])
    one, other = (pad(made.fields, chosen)["pixel_values"] for made in (here, there))
    assert one.dtype == np.float32
    assert one.shape == (2, 3, 8, 8)
    assert np.array_equal(one, other)


@pytest.mark.parametrize("cell", [np.zeros(8), [[1], [2, 3]], "no.npy"])
def test_what_is_no_image_is_refused(cell):
    with pytest.raises(DataError):
        first_pixels(cell)


def first_pixels(cell):
    made = Image().encode([[cell]], None, Limits(0))
    return pad(made.fields, np.array([0]))["pixel_values"]
