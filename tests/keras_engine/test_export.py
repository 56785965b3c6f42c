"""What is exported to TensorFlow answers as the run does, read by plain TensorFlow."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import torch
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.environment import install_command
from luthier.errors import ModelError, RecipeError, RunError
from luthier.exporters.merged import export_merged
from luthier.exporters.tensorflow import export_tensorflow
from luthier.keras_engine import backend, serving, twin, word_pieces
from luthier.records import Rows
from luthier.runs import RunFolder
from tests.docs.blocks import ROOT, blocks_of
from tests.toys import FAMILY, toy_rows, toy_tree

WHOLE = (
    "text-classification",
    "multi-label-classification",
    "pair-classification",
    "text-regression",
)
TOKENS = ("token-classification", "question-answering")


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    """Give the folder of a finished run of a task, run once with the same sections."""
    made = {}

    def run_of(task, **sections):
        key = task, json.dumps(sections)
        if key not in made:
            training = {"max_steps": 20, "eval_strategy": "no"}
            model = tiny_model(FAMILY.get(task, "bert"))
            tree = toy_tree(task, model, baselines=[], training=training, **sections)
            out = tmp_path_factory.mktemp("runs") / "run"
            made[key] = luthier.run(tree, out=out, data={"train": toy_rows(task)}).folder
        return made[key]

    return run_of


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    """Give the folder of a task's export and what was found, exported once; it is only read."""
    made = {}

    def export_of(task, **options):
        key = task, json.dumps(options)
        if key not in made:
            out = tmp_path_factory.mktemp("exports") / "out"
            made[key] = export_tensorflow(finished(task), out, **options)
        return made[key]

    return export_of


def answers(run, texts):
    """Give ids and logits of texts as plain Transformers has them, one text or pair at a time."""
    predictor = luthier.load(run)
    for text in texts:
        most = predictor.codec.limits.max_tokens
        given = predictor.codec.processor(*text, truncation=True, max_length=most)
        with torch.no_grad():
            said = predictor.model(**{name: torch.tensor([ids]) for name, ids in given.items()})
        yield dict(given), {name: one.numpy() for name, one in said.items()}


def texts_of(run, *roles):
    lines = list(RunFolder.open(run).read_predictions())
    return [tuple(line["columns"][role] for role in roles) for line in lines]


def interpreter(path):
    with pytest.warns(UserWarning, match="tf.lite.Interpreter is deprecated"):
        return tf.lite.Interpreter(str(path))


def judge_ids(model, given):
    signature = model.signatures["serving_default"]
    return signature(**{name: tf.constant([ids], tf.int64) for name, ids in given.items()})


def close(some, others):
    return np.abs(np.asarray(some) - np.asarray(others)).max() < 1e-5


@pytest.mark.parametrize("task", WHOLE)
def test_a_saved_model_answers_as_the_run(task, finished, exported):
    run = finished(task)
    out, found = exported(task, to="saved-model")
    model = tf.saved_model.load(str(out))
    predictor = luthier.load(run)
    roles = predictor.task.input_roles
    texts = texts_of(run, *roles)
    columns = dict(zip(roles, map(list, zip(*texts, strict=True)), strict=True))
    by_text = model.signatures["text"](**{name: tf.constant(one) for name, one in columns.items()})
    wanted = predictor.predict(Rows.of(columns))
    shares = wanted.answers if wanted.probabilities is None else wanted.probabilities
    kept = "scores" if wanted.probabilities is None else "probabilities"
    assert close(by_text[kept], shares)
    for row, (given, said) in enumerate(answers(run, texts)):
        by_ids = judge_ids(model, given)
        assert close(by_ids["logits"], said["logits"])
        assert close(by_ids[kept], shares[row : row + 1])
    assert found.rows == len(texts)
    assert found.alike == (None if task == "text-regression" else len(texts))
    assert found.difference < 1e-5
    assert found.text is None


def test_labels_go_by_name(finished, exported):
    for task in ("text-classification", "multi-label-classification", "text-regression"):
        run = finished(task)
        out, _ = exported(task, to="saved-model")
        texts = [text for (text,) in texts_of(run, "text")]
        by_text = tf.saved_model.load(str(out)).signatures["text"](text=tf.constant(texts))
        predictor = luthier.load(run)
        if task == "text-regression":
            assert set(by_text) == {"scores"}
            assert not (out / "labels.txt").exists()
            continue
        labels = [one.decode() for one in by_text["label"].numpy()]
        said = predictor.predict(Rows.of({"text": texts})).answers
        names = predictor.codec.target.names
        if task == "text-classification":
            assert labels == [names[one] for one in said]
        else:
            given = [np.array(names)[row.astype(bool)] for row in said]
            assert labels == ["|".join(one) for one in given]
        assert (out / "labels.txt").read_text().splitlines() == list(names)


@pytest.mark.parametrize("task", TOKENS)
def test_tokens_are_scored_and_have_no_texts(task, finished, exported):
    run = finished(task)
    out, found = exported(task, to="saved-model")
    model = tf.saved_model.load(str(out))
    assert set(model.signatures) == {"serving_default"}
    roles = ("text",) if task == "token-classification" else ("question", "context")
    for given, said in answers(run, texts_of(run, *roles)[:5]):
        by_ids = judge_ids(model, given)
        assert set(by_ids) == set(said)
        assert all(close(by_ids[name], said[name]) for name in said)
    assert found.alike == found.rows
    assert found.text is None


@pytest.mark.parametrize("task", [*WHOLE, *TOKENS])
def test_litert_answers_as_the_run(task, finished, exported):
    run = finished(task)
    out, found = exported(task, to="litert")
    assert found.alike in (None, found.rows)
    assert found.difference < 1e-5
    about = json.loads((out / "model.json").read_text())
    runner = interpreter(out / about["file"]).get_signature_runner()
    roles = {"pair-classification": ("text", "text_pair")}.get(task, ("text",))
    roles = ("question", "context") if task == "question-answering" else roles
    for given, said in answers(run, texts_of(run, *roles)[:5]):
        said_of_ids = runner(**{name: np.array([ids], np.int32) for name, ids in given.items()})
        assert set(about["inputs"]) == set(given)
        assert set(about["outputs"]) == set(said_of_ids)
        assert all(close(said_of_ids[name], said[name]) for name in said)


def test_what_lies_beside_a_model_tells_how_to_use_it(exported):
    out, found = exported("text-classification", to="litert")
    names = ["labels.txt", "model.json", "model.tflite", "tokenizer.json", "verification.json"]
    assert set(names) < {file.name for file in out.iterdir()}
    about = json.loads((out / "model.json").read_text())
    assert about["labels"] == ["rain", "snow", "sun"]
    assert about["outputs"]["probabilities"] == {"dtype": "float32", "shape": [None, 3]}
    assert about["inputs"]["input_ids"] == {"dtype": "int32", "shape": [None, None]}
    kept = json.loads((out / "verification.json").read_text())
    assert kept["alike"] == kept["rows"] == found.rows
    assert set(kept["milliseconds"]) == set(kept["megabytes"]) == {"litert", "torch"}
    assert all(value > 0 for value in kept["milliseconds"].values())


def test_int8_is_scored_beside_the_model(finished, exported):
    run = finished("text-classification")
    out, found = exported("text-classification", to="litert", int8=True)
    assert found.comparison.system == "litert int8"
    assert found.comparison.baseline == "torch"
    assert found.comparison.metric == "accuracy"
    assert json.loads((out / "verification.json").read_text())["comparison"]["n"] == found.rows
    wanted = json.loads((RunFolder(run).path / "scores.json").read_text())["fine-tuned"]
    assert found.scores["torch"]["accuracy"].value == wanted["accuracy"]["value"]
    assert found.comparison.low <= found.comparison.difference <= found.comparison.high
    assert found.alike > found.rows * 0.7


@pytest.mark.parametrize(
    "sections",
    [
        {"engine": "tensorflow"},
        {"method": "lora"},
        {"method": {"name": "lora", "options": {"merge": False}}},
        {"model": {"pooling": "mean", "head_hidden_layers": [8]}},
    ],
    ids=str,
)
def test_however_it_was_trained(sections, finished, tmp_path):
    run = finished("text-classification", **sections)
    _, found = export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert found.alike == found.rows
    assert found.difference < 1e-5


@pytest.mark.parametrize("to", ["saved-model", "litert"])
@pytest.mark.parametrize("family", ["roberta", "distilbert", "electra"])
def test_of_whatever_family(family, to, tiny_model, tmp_path):
    data = {"train": toy_rows("text-classification")}
    training = {"max_steps": 5, "eval_strategy": "no"}
    tree = toy_tree("text-classification", tiny_model(family), baselines=[], training=training)
    run = luthier.run(tree, out=tmp_path / "run", data=data).folder
    _, found = export_tensorflow(run, tmp_path / "out", to=to)
    assert found.alike == found.rows
    assert found.difference < 1e-5


@pytest.mark.parametrize("to", ["saved-model", "litert"])
@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_what_answers_otherwise_is_refused_and_leaves_nothing(
    wrong, to, finished, tmp_path, monkeypatch
):
    run, right = finished("text-classification"), twin.Twin.__call__

    def otherwise(self, *args, **options):
        return {name: one * wrong for name, one in right(self, *args, **options).items()}

    monkeypatch.setattr(twin.Twin, "__call__", otherwise)
    with pytest.raises(ModelError, match="does not answer as the run's does") as caught:
        export_tensorflow(run, tmp_path / "out", to=to)
    assert "rows are answered differently" in caught.value.received
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_off_are_refused(finished, tmp_path, monkeypatch):
    run, right = finished("text-regression"), twin.Twin.__call__

    def otherwise(self, *args, **options):
        return {name: one + 0.1 for name, one in right(self, *args, **options).items()}

    monkeypatch.setattr(twin.Twin, "__call__", otherwise)
    with pytest.raises(ModelError, match="does not answer as the run's does") as caught:
        export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert caught.value.received == "outputs differ by 1.0e-01"
    assert list(tmp_path.iterdir()) == []


def test_texts_are_left_out_where_their_tokens_would_differ(finished, tmp_path, monkeypatch):
    right = word_pieces.table_of

    def otherwise(tokenizer, **options):
        firsts, becomes = right(tokenizer, **options)
        return firsts, np.where(becomes == ord("a"), ord("e"), becomes)  # of a capital A

    monkeypatch.setattr(word_pieces, "table_of", otherwise)
    run = finished("text-classification")
    out, found = export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert "signature for texts is left out" in found.text
    assert "would be cut into other tokens" in found.text
    assert set(tf.saved_model.load(str(out)).signatures) == {"serving_default"}


def test_texts_are_left_out_where_they_are_read_in_windows(finished, tmp_path):
    """And an empty folder is filled."""
    (tmp_path / "out").mkdir()
    run = finished("text-classification", data={"long_texts": "windows", "max_tokens": 12})
    out, found = export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert "read in windows" in found.text
    assert set(tf.saved_model.load(str(out)).signatures) == {"serving_default"}
    assert (out / "saved_model.pb").is_file()
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"to": "savedmodel"}, "--to savedmodel"),
        ({"to": "onnx"}, "--to onnx"),
        ({"to": "saved-model", "int8": True}, "--int8 --to saved-model"),
        ({"to": "checkpoint", "int8": True}, "--int8 --to checkpoint"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_read(options, received, tmp_path):
    with pytest.raises(RunError) as caught:
        export_tensorflow(tmp_path / "no-run", tmp_path / "out", **options)
    assert caught.value.received == received
    assert caught.value.hint


@pytest.mark.parametrize("to", ["saved-model", "litert"])
def test_nothing_is_overwritten(to, finished, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        export_tensorflow(finished("text-classification"), tmp_path, to=to)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_missing_packages_are_named(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="TensorFlow engine is not installed") as caught:
        export_tensorflow(finished("text-classification"), tmp_path / "out", to="litert")
    assert caught.value.received == "--to litert without tensorflow and keras and keras_hub"
    assert install_command("tensorflow") in caught.value.hint


def test_a_missing_tokenizer_of_texts_is_told(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(word_pieces, "find_spec", lambda name: None)
    run = finished("text-classification")
    _, found = export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert "tensorflow-text is not installed" in found.text


def test_a_family_without_a_twin_is_told(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "names", lambda kind: ("roberta",))
    with pytest.raises(ModelError, match="no twin of this family") as caught:
        export_tensorflow(finished("text-classification"), tmp_path / "out", to="saved-model")
    assert caught.value.received == "--to saved-model and a model of bert"
    assert "--to checkpoint" in caught.value.hint


def test_a_task_that_writes_is_told(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "names", lambda kind: ("gpt2",))
    with pytest.raises(ModelError, match="judge texts or their words"):
        export_tensorflow(finished("causal-lm"), tmp_path / "out", to="saved-model")


def test_operations_that_litert_lacks_are_named(finished, tmp_path, monkeypatch):
    right = serving.with_probabilities

    def with_lacking(outputs, target):
        named = right(outputs, target).items()
        return {name: tf.math.special.bessel_j0(one) for name, one in named}

    monkeypatch.setattr(serving, "with_probabilities", with_lacking)
    with pytest.raises(ModelError, match="lacks operations") as caught:
        export_tensorflow(finished("text-classification"), tmp_path / "out", to="litert")
    assert caught.value.received == "a model of bert: BesselJ0"
    assert list(tmp_path.iterdir()) == []


def test_what_stays_apart_is_told(finished, tmp_path):
    prompts = {"name": "prefix-tuning", "options": {"num_virtual_tokens": 3}}
    run = finished("text-classification", method=prompts)
    with pytest.raises(ModelError, match="cannot be merged"):
        export_tensorflow(run, tmp_path / "out", to="saved-model")


def test_a_head_without_a_twin_is_told(finished, tmp_path):
    run = finished("text-classification", model={"pooling": "attention"})
    with pytest.raises(ModelError, match="no twin of this head") as caught:
        export_tensorflow(run, tmp_path / "out", to="saved-model")
    assert caught.value.hint == "--to checkpoint"


def test_the_command_says_what_it_found(finished, tmp_path):
    run = finished("text-classification")
    command = ["export", str(run), "--out", str(tmp_path / "out"), "--to", "litert", "--int8"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    for words in ("ms a row", "litert int8", "test rows are answered alike", "accuracy", "Wrote"):
        assert words in result.output
    result = CliRunner().invoke(app, ["export", str(run), "--out", str(tmp_path / "plain")])
    assert "differ by at most" in result.output
    assert (tmp_path / "plain" / "model.safetensors").is_file()


def test_an_export_of_a_checkpoint_is_as_ever(finished, tmp_path):
    out, difference = export_merged(finished("text-classification"), tmp_path / "plain")
    assert difference <= 1e-5
    assert (out / "config.json").is_file()


@pytest.mark.parametrize(
    "block",
    [one for one in blocks_of(ROOT / "docs/tensorflow-serving.md") if one.language == "python"],
    ids=str,
)
def test_the_python_of_the_docs_runs(block, exported, tmp_path, monkeypatch, capsys):
    served, _ = exported("text-classification", to="saved-model")
    small, _ = exported("text-classification", to="litert", int8=True)
    shutil.copytree(served, tmp_path / "served/reviews/1")
    shutil.copytree(small, tmp_path / "reviews-int8")
    monkeypatch.chdir(tmp_path)
    stands_for = SimpleNamespace(Interpreter=interpreter)  # a package of its own
    monkeypatch.setitem(sys.modules, "ai_edge_litert", SimpleNamespace(interpreter=stands_for))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", stands_for)
    exec(compile(block.text, str(block), "exec"), {})
    assert capsys.readouterr().out.split()[0] in ("rain", "snow", "sun")
