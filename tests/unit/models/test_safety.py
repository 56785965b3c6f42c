"""A model's folder is looked at before anything in it is opened."""

import json

import pytest

from luthier.errors import ModelError
from luthier.methods.lora import Lora, LoraOptions
from luthier.models.load import config_at, load_saved, load_tokenizer, read_config, save_model
from luthier.models.locate import locate, unopened
from luthier.models.safety import check_folder
from tests.tiny import write_tiny_model

FILES = ("modeling_own.py", "pytorch_model.bin", "scaler.pt", "head.joblib", "sub/memory.npy")


@pytest.fixture
def folder(tmp_path):
    return write_tiny_model("bert", tmp_path / "model")


def change(file, **fields):
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_could_run_code_is_named_unless_the_recipe_says_otherwise(name, folder):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="could run code") as caught:
        locate(str(folder))
    assert name in caught.value.received
    assert "model.ignore_unsafe_files=true" in caught.value.hint
    assert locate(str(folder), ignore_unsafe_files=True) == str(folder)
    assert len(unopened(str(folder))) == 1
    assert name in unopened(str(folder))[0]


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_a_configuration_that_names_code_is_refused(name, folder):
    file = folder / name
    if not file.exists():
        file.write_text("{}")
    change(file, inner={"auto_map": {"AutoModel": "modeling_own.Own"}})
    with pytest.raises(ModelError, match="could run code") as caught:
        read_config(str(folder))
    assert f"{name} (auto_map)" in caught.value.received


def test_what_names_code_is_not_saved_with_the_run(folder, tmp_path):
    change(folder / "config.json", auto_map={"AutoModel": "modeling_own.Own"})
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]})
    tokenizer = load_tokenizer(str(folder), ignore_unsafe_files=True)
    config = read_config(str(folder), ignore_unsafe_files=True)
    tokenizer.save_pretrained(tmp_path / "saved")
    config.save_pretrained(tmp_path / "saved")
    assert check_folder(tmp_path / "saved") == []


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("ignored", [True, False])
def test_a_kernel_from_the_hub_is_refused_whatever_the_recipe_says(key, ignored, folder):
    change(folder / "config.json", **{key: "someone/fast-attention"})
    with pytest.raises(ModelError, match="compiled code from the hub"):
        locate(str(folder), ignore_unsafe_files=ignored)


def test_a_kernel_is_refused_in_what_the_hub_gives_too(folder):
    change(folder / "config.json", attn_implementation="someone/fast-attention")
    with pytest.raises(ModelError, match="configuration asks for compiled code") as caught:
        config_at(folder)
    assert "someone/fast-attention" in caught.value.received


@pytest.mark.parametrize("name", ["../weights.safetensors", "pytorch_model.bin"])
def test_a_configuration_names_weights_of_its_folder_alone(name, folder):
    change(folder / "config.json", transformers_weights=name)
    with pytest.raises(ModelError, match="not a safetensors file of the folder"):
        read_config(str(folder))


@pytest.mark.parametrize(
    "entry", ["../secret.safetensors", "/etc/x.safetensors", "model.bin", "a\0.safetensors", 7]
)
def test_an_index_names_files_of_its_folder_alone(entry, folder):
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": entry}}))
    with pytest.raises(ModelError, match="not a safetensors file of the folder"):
        locate(str(folder))
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors"}}))
    assert locate(str(folder))


def test_an_index_without_a_map_is_refused(folder):
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match="cannot be read"):
        locate(str(folder))


def test_a_link_that_leads_out_is_refused_and_those_of_the_hubs_cache_work(folder, tmp_path):
    weights = folder / "model.safetensors"
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots"
    blobs.mkdir(parents=True)
    snapshot.mkdir()
    weights.rename(blobs / "0123")
    weights.symlink_to(blobs / "0123")
    with pytest.raises(ModelError, match="leads out") as caught:
        locate(str(folder))
    assert "model.safetensors -> " in caught.value.received
    cached = folder.rename(snapshot / "abcd")
    assert locate(str(cached)) == str(cached)


def test_an_adapter_is_no_model(folder):
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds an adapter") as caught:
        locate(str(folder))
    assert "merge=true" in caught.value.hint


def test_an_adapter_without_safetensors_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="adapter has no safetensors"):
        Lora(LoraOptions()).load(tmp_path)


def test_a_head_of_other_sizes_than_its_weights_is_refused_before_it_is_made(folder, tmp_path):
    from tests.unit.models.test_families import build

    model, tokenizer = build(folder, head_hidden_layers=(8,))
    save_model(model, tokenizer, tmp_path / "saved")
    change(tmp_path / "saved" / "head.json", hidden_layers=[10**12])
    with pytest.raises(ModelError, match="head's weights") as caught:
        load_saved(tmp_path / "saved")
    assert "head.json" in caught.value.received


def test_an_empty_package_name_is_refused():
    with pytest.raises(ModelError, match="is not installed"):
        locate("package:")
