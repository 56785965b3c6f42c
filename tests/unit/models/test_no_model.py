"""What is no model to start from is named as what it is, with the way to use it."""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification

from luthier.errors import ModelError
from luthier.models.locate import locate


def refused(place):
    with pytest.raises(ModelError) as caught:
        locate(str(place))
    return caught.value


def adapter_of(base, folder, *, n_labels=3):
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=n_labels, ignore_mismatched_sizes=True
    )
    config = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query"])
    get_peft_model(model, config).save_pretrained(folder)
    return folder


def test_an_adapter_is_named_with_its_base_and_can_be_merged_as_told(
    tiny_model, tmp_path, monkeypatch
):
    base = tiny_model("bert", "MaskedLM")
    folder = adapter_of(base, tmp_path / "adapter")
    problem = refused(folder)
    assert "an adapter (LORA)" in problem.problem
    assert f"its base model is {base}" in problem.problem
    lines = [line.strip() for line in problem.hint.splitlines() if line.startswith("    ")]
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines), {})
    assert locate("merged") == "merged"


def test_an_adapter_beside_its_merged_model_is_told_of_it(tiny_model, tmp_path):
    shutil.copytree(tiny_model("bert"), tmp_path / "model")
    adapter_of(tiny_model("bert"), tmp_path / "model" / "adapter")
    assert refused(tmp_path / "model" / "adapter").hint.startswith(str(tmp_path / "model"))


def test_weights_alone_lack_their_configuration(tiny_model, tmp_path):
    shutil.copytree(tiny_model("bert"), tmp_path / "only")
    (tmp_path / "only" / "config.json").unlink()
    assert "weights, but no config.json" in refused(tmp_path / "only").problem


def test_of_the_checkpoints_of_a_training_the_newest_is_named(tiny_model, tmp_path):
    for step in (500, 1000, 1500):
        shutil.copytree(tiny_model("bert"), tmp_path / f"checkpoint-{step}")
    problem = refused(tmp_path)
    assert problem.hint == str(tmp_path / "checkpoint-1500")
    assert "checkpoint-500" in problem.received


def test_a_sentence_transformer_is_read_from_its_part(tiny_model, tmp_path):
    shutil.copytree(tiny_model("bert"), tmp_path / "0_Transformer")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    (tmp_path / "modules.json").write_text("[]")
    assert refused(tmp_path).hint == str(tmp_path / "0_Transformer")


@pytest.mark.parametrize(
    ("file", "words"),
    [("model.gguf", "llama.cpp"), ("model.onnx", "ONNX"), ("tf_model.h5", "TensorFlow")],
)
def test_other_forms_are_named(file, words, tmp_path):
    (tmp_path / file).write_bytes(b"GGUF")
    assert words in refused(tmp_path / file).problem
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    problem = refused(tmp_path)
    assert words in problem.problem
    assert "made from" in problem.hint


def test_a_file_of_weights_is_answered_with_its_folder(tiny_model):
    folder = tiny_model("bert")
    assert refused(folder / "model.safetensors").hint == str(folder)


def test_pickled_weights_stay_unopened(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    torch.save({}, tmp_path / "pytorch_model.bin")
    assert "pickled" in refused(tmp_path).problem
