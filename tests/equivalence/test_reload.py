"""What a run leaves behind answers as the trained model did."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import luthier
from luthier.records import Rows
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree

FEW = {"num_virtual_tokens": 4}
CASES = [
    ("text-classification", {}),
    ("multi-label-classification", {}),
    ("pair-classification", {}),
    ("text-regression", {}),
    ("text-classification", {"method": "linear-probe"}),
    ("text-classification", {"method": "prototypical-networks"}),
    ("pair-classification", {"method": {"name": "maml", "options": {"anil": True}}}),
    ("text-classification", {"method": "lora"}),
    ("text-classification", {"method": {"name": "lora", "options": {"merge": False}}}),
    ("text-regression", {"method": "lora"}),
    ("text-classification", {"method": "ia3"}),
    ("text-classification", {"method": "bitfit"}),
    ("text-classification", {"method": {"name": "prefix-tuning", "options": FEW}}),
    ("text-regression", {"method": {"name": "prompt-tuning", "options": FEW}}),
    ("text-classification", {"method": {"name": "p-tuning", "options": FEW}}),
    ("text-classification", {"method": {"name": "peft", "options": {"tuner": "LOHA"}}}),
    ("text-classification", {"method": {"name": "peft", "options": {"tuner": "LN_TUNING"}}}),
    (
        "text-classification",
        {"method": {"name": "peft", "options": {"tuner": "LILY", "merge": False}}},
    ),
    ("text-classification", {"method": {"name": "lora", "options": {"use_dora": True}}}),
    (
        "text-classification",
        {"method": {"name": "lora", "options": {"init_lora_weights": "pissa", "use_rslora": True}}},
    ),
    ("text-classification", {"model": {"pooling": "attention", "head_hidden_layers": [8]}}),
    ("text-classification", {"model": {"new_tokens": ["drizzle"], "drop_top": 1}}),
]


@pytest.fixture
def finished(tiny_model, tmp_path):
    """Make runs of a case; give the folder."""

    def make(task, sections, family="bert"):
        tree = toy_tree(task, tiny_model(family), baselines=[], **sections)
        result = luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)})
        return RunFolder.open(result.folder)

    return make


def kept_outputs(folder):
    """Give the test rows as kept: columns, answers, probabilities."""
    lines = list(folder.read_predictions())
    said = [line["predictions"]["fine-tuned"] for line in lines]
    return [line["columns"] for line in lines], said


@pytest.mark.parametrize(("task", "sections"), CASES)
def test_a_loaded_run_answers_as_it_did(finished, task, sections):
    folder = finished(task, sections)
    predictor = luthier.load(folder.path)
    columns, said = kept_outputs(folder)
    texts = [{role: row[role] for role in ("text", "text_pair") if role in row} for row in columns]
    predictions = predictor.predict(
        Rows.of({role: [text[role] for text in texts] for role in texts[0]})
    )
    for index, kept in enumerate(said):
        answer = predictor.codec.target.to_json(predictions.answers[index])
        if kept["probabilities"] is None:
            assert answer == pytest.approx(kept["answer"], abs=1e-4)
        else:
            assert answer == kept["answer"]
            assert np.allclose(predictions.probabilities[index], kept["probabilities"], atol=1e-4)


@pytest.mark.parametrize("method", ["full", "linear-probe", "lora"])
def test_plain_transformers_load_the_model(finished, method):
    folder = finished("text-classification", {"method": method})
    model = AutoModelForSequenceClassification.from_pretrained(folder.model)
    tokenizer = AutoTokenizer.from_pretrained(folder.model)
    columns, said = kept_outputs(folder)
    for row, kept in zip(columns, said, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(row["text"], return_tensors="pt")).logits[0]
        assert model.config.id2label[int(logits.argmax())] == kept["answer"]
        assert np.allclose(logits.softmax(-1), kept["probabilities"], atol=1e-4)


def test_plain_transformers_give_numbers_in_their_own_unit(finished):
    folder = finished("text-regression", {})
    model = AutoModelForSequenceClassification.from_pretrained(folder.model)
    tokenizer = AutoTokenizer.from_pretrained(folder.model)
    columns, said = kept_outputs(folder)
    with torch.no_grad():
        number = float(model(**tokenizer(columns[0]["text"], return_tensors="pt")).logits)
    assert number == pytest.approx(said[0]["answer"], abs=1e-4)


def test_numbers_of_a_head_without_bias_are_scaled_by_the_run(finished):
    folder = finished("text-regression", {}, family="gpt2")
    assert folder.read_json("target")["scale"] != 1.0
    predictor = luthier.load(folder.path)
    columns, said = kept_outputs(folder)
    assert predictor(columns[0]["text"])[0]["score"] == pytest.approx(said[0]["answer"], abs=1e-4)


def test_an_adapter_alone_is_small(finished):
    folder = finished(
        "text-classification", {"method": {"name": "lora", "options": {"merge": False}}}
    )
    assert (folder.model / "adapter_config.json").is_file()
    assert not (folder.model / "model.safetensors").exists()


def test_peft_puts_the_kept_adapter_onto_the_base(finished, tiny_model):
    from peft import PeftModel

    folder = finished("text-classification", {"method": "lora"})
    merged = AutoModelForSequenceClassification.from_pretrained(folder.model).eval()
    base = AutoModelForSequenceClassification.from_pretrained(
        tiny_model("bert"), num_labels=3, ignore_mismatched_sizes=True
    )
    adapted = PeftModel.from_pretrained(base, folder.model / "adapter").eval()
    ids = torch.arange(5, 15)[None]
    with torch.no_grad():
        assert torch.allclose(adapted(ids).logits, merged(ids).logits, atol=1e-5)


def test_the_same_recipe_gives_the_same_scores(tiny_model, tmp_path):
    tree = toy_tree("text-classification", tiny_model("bert"))
    rows = toy_rows("text-classification")
    runs = [luthier.run(tree, out=tmp_path / str(n), data={"train": rows}) for n in range(2)]
    kept = [(RunFolder(run.folder).path / "scores.json").read_text() for run in runs]
    assert json.loads(kept[0]) == json.loads(kept[1])
