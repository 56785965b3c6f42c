"""A model folder that is broken, incomplete or of the wrong kind is told in words."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModel
from transformers.utils import logging

from luthier.errors import ModelError
from luthier.models.load import build_model, load_saved, load_tokenizer, read_config, save_model
from luthier.models.structure import probe_of
from tests.tiny import WIDTH, write_tiny_model

T5 = {"d_model": WIDTH, "d_kv": 8, "d_ff": WIDTH, "num_layers": 1, "num_heads": 2}
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 8,
    "patch_size": 4,
}


@pytest.fixture
def folder(tmp_path):
    return write_tiny_model("bert", tmp_path / "model")


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(str(tiny_model("bert")))


def build(folder, tokenizer, **changes):
    return build_model(
        str(folder),
        tokenizer=tokenizer,
        labels=("a", "b"),
        problem_type="single_label_classification",
        **changes,
    )


def write_other(family, settings, folder):
    logging.disable_progress_bar()
    AutoModel.from_config(CONFIG_MAPPING[family](**settings)).save_pretrained(folder)
    logging.enable_progress_bar()
    return folder


def rewrite(file, keep):
    kept = {name: values for name, values in load_file(file).items() if keep(name)}
    save_file(kept, file, metadata={"format": "pt"})


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_tokenizer_that_knows_no_words_is_refused(family, tmp_path):
    write_tiny_model(family, tmp_path)
    for file in tmp_path.glob("*token*"):
        file.unlink()
    with pytest.raises(ModelError, match="has no vocabulary") as caught:
        load_tokenizer(str(tmp_path))
    assert "tokenizer.json" in caught.value.hint


def test_a_checkpoint_without_a_layer_is_refused(folder, tokenizer):
    rewrite(folder / "model.safetensors", keep=lambda name: "layer.1." not in name)
    with pytest.raises(ModelError, match="lacks 16 weights"):
        build(folder, tokenizer)


def test_weights_cut_short_are_told(folder, tokenizer):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5])
    with pytest.raises(ModelError, match="cannot be read"):
        build(folder, tokenizer)


@pytest.mark.parametrize("config", ["{}", '{"model_type": "of-the-next-year"}'])
def test_an_unknown_kind_of_model_is_told(config, folder):
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match="cannot be read") as caught:
        read_config(str(folder))
    assert "--upgrade transformers" in caught.value.hint


@pytest.mark.parametrize("changes", [{}, {"pooling": "mean"}, {"pretrained": False}])
def test_a_model_of_images_is_refused(changes, tmp_path, tokenizer):
    with pytest.raises(ModelError, match="family 'vit' have no classification head"):
        build(write_other("vit", VIT, tmp_path), tokenizer, **changes)


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_family_without_a_head_is_refused(pretrained, tmp_path, tokenizer):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    folder = write_other("bert-generation", {**sizes, "intermediate_size": 16}, tmp_path)
    with pytest.raises(ModelError, match="no classification head"):
        build(folder, tokenizer, pretrained=pretrained)


def test_own_heads_are_not_for_two_trunks(tmp_path, tokenizer):
    folder = write_other("t5", {**T5, "vocab_size": len(tokenizer)}, tmp_path)
    with pytest.raises(ModelError, match="an encoder and a decoder"):
        build(folder, tokenizer, pooling="mean")
    with pytest.raises(ModelError, match="a token of the text itself"):
        probe_of(build(folder, tokenizer))


def test_a_saved_head_without_a_weight_is_refused(folder, tokenizer, tmp_path):
    save_model(build(folder, tokenizer, head_hidden_layers=(8,)), tokenizer, tmp_path / "saved")
    rewrite(tmp_path / "saved" / "head.safetensors", keep=lambda name: name != "classifier.1.bias")
    with pytest.raises(ModelError, match="head's weights") as caught:
        load_saved(tmp_path / "saved")
    assert "classifier.1.bias" in caught.value.received


@pytest.mark.parametrize("head", [None, "MaskedLM"])
def test_weights_of_other_shapes_than_the_configuration_says_are_refused(
    head, tiny_model, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("bert", head), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    for pooling in ("default", "mean"):
        with pytest.raises(ModelError, match="weights of other shapes") as caught:
            build_model(
                str(folder),
                tokenizer=load_tokenizer(str(folder)),
                labels=["no", "yes"],
                problem_type="single_label_classification",
                pooling=pooling,
            )
        assert "intermediate" in caught.value.received
