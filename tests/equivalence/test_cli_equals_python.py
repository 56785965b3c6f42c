"""What the command line does, Python does: the same recipe, the same numbers, the same answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.recipe.load import read_recipe
from luthier.registry import find
from luthier.runs import RunFolder

WORDS = ("rain", "drizzle", "sun", "warmth", "snow", "ice", "over", "the", "hills", "day", "say")


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A recipe, toy rows and a narrow model; the run `python` made from Python."""
    folder = tmp_path_factory.mktemp("equal")
    rows = find("tasks", "text-classification").toy_rows()
    with (folder / "toy.jsonl").open("w", encoding="utf-8") as file:
        for text, label in zip(rows["text"], rows["label"], strict=True):
            file.write(json.dumps({"text": text, "label": label}) + "\n")
    write_tiny_model(folder / "tiny")
    (folder / "recipe.yaml").write_text(
        "model: tiny\n"
        "task: text-classification\n"
        "data: {train: toy.jsonl, split: {validation: 0.2, test: 0.3}}\n"
        "training: {max_steps: 3, learning_rate: 1e-3, use_cpu: true}\n"
        "baselines: [majority, tfidf-linear]\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    luthier.run(read_recipe(folder / "recipe.yaml", ["training.seed=3"]), out=folder / "python")
    return folder


def write_tiny_model(folder: Path) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)


def test_a_run_is_the_same_from_either_door(folder):
    said = call(
        "run", folder / "recipe.yaml", "training.seed=3", "--out", folder / "cli", "--quiet"
    )
    assert said.splitlines()[-1] == f"Report: {folder / 'cli' / 'report.html'}"
    python, cli = RunFolder.open(folder / "python"), RunFolder.open(folder / "cli")
    assert python.recipe() == cli.recipe()
    for document in ("scores", "comparison", "target"):
        assert python.read_json(document) == cli.read_json(document)
    assert list(python.read_predictions()) == list(cli.read_predictions())


def test_predictions_are_the_same_from_either_door(folder):
    texts = ["rain over the hills", "snow and ice"]
    predictor = luthier.load(folder / "python")
    said = call("predict", folder / "python", *texts, "--json", "--top-k", 2)
    assert [json.loads(line) for line in said.splitlines()] == predictor(texts, top_k=2)


def test_a_predicted_file_is_the_same_from_either_door(folder):
    predictor = luthier.load(folder / "python")
    n_rows = predictor.predict_file(str(folder / "toy.jsonl"), folder / "a.csv")
    said = call(
        "predict", folder / "python", "--file", folder / "toy.jsonl", "--out", folder / "b.csv"
    )
    assert f"Wrote {n_rows} predictions" in said
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()


def test_scores_are_the_same_from_either_door(folder):
    n_rows, scores = luthier.load(folder / "python").evaluate(str(folder / "toy.jsonl"))
    said = json.loads(call("evaluate", folder / "python", "--data", folder / "toy.jsonl", "--json"))
    assert said["rows"] == n_rows
    assert {name: score["value"] for name, score in said["scores"].items()} == {
        name: score.value for name, score in scores.items()
    }
