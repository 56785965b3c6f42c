"""Which backend answers for a folder, and which way of answering a file is fastest."""

import json
import os

import pytest
from typer.testing import CliRunner

import luthier
from luthier.backends import fastest as choosing
from luthier.backends import kept
from luthier.backends.fastest import OWN, fastest
from luthier.backends.kept import folder_for
from luthier.cli.app import app
from luthier.errors import RecipeError, RunError
from luthier.runs.places import kept_beside, not_older
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    tree = toy_tree(
        "text-classification", tiny_model("bert"), baselines=[], training={"max_steps": 3}
    )
    out = tmp_path_factory.mktemp("runs") / "run"
    luthier.run(tree, out=out, data={"train": toy_rows("text-classification")})
    return out


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_csv(toy_rows("text-classification"), tmp_path_factory.mktemp("files") / "new.csv")


@pytest.fixture
def without_export(monkeypatch):
    """Let no export be made: how ways are chosen is seen without one."""

    def lacking(run, *, int8=False, on_note):
        raise RecipeError("It needs packages.", received="without onnx", hint="install them")

    monkeypatch.setattr(choosing, "kept_export", lacking)


def test_an_export_of_a_run_is_made_once_and_anew_for_another_model(run, monkeypatch):
    made = []

    def export(run, out, *, to, int8):
        made.append((out.name, to, int8))
        out.mkdir()
        for name in ("model.onnx", "luthier.json"):
            (out / name).write_text("{}")

    monkeypatch.setattr(kept, "export", export)
    told = []
    folders = {folder_for(run, "onnx", on_note=told.append) for _ in range(2)}
    assert folders == {kept_beside(run, "onnx")}
    assert made == [("onnx", "onnx", False)]
    assert len(told) == 1
    for one in kept_beside(run, "onnx").iterdir():
        os.utime(one, (1, 1))
    folder_for(run, "openvino", on_note=told.append)
    assert len(made) == 2
    assert folder_for(run, "auto") == folder_for(run, "torch") == run
    exported = kept_beside(run, "onnx")
    assert folder_for(exported, "onnx") == exported
    luthier.load(run)  # what is kept is no part of the sealed result


def test_an_unknown_backend_is_named(run):
    with pytest.raises(RunError, match="no backend") as caught:
        folder_for(run, "tensorrt")
    assert "openvino" in caught.value.hint


def test_a_backend_that_has_nothing_to_read_is_refused(run):
    with pytest.raises(RunError, match="no graph") as caught:
        luthier.load(run, backend="onnx")
    assert "--to onnx" in caught.value.hint


def test_the_fastest_way_is_taken_and_kept(run, file, without_export):
    predictor, found = fastest(run, file, on_note=str)
    assert found.way == min(found.milliseconds, key=found.milliseconds.get)
    assert {OWN, "torch int8"} <= found.milliseconds.keys()
    assert "without onnx" in found.lacking["onnx int8"]
    assert found.rows == 64
    told = []
    again, same = fastest(run, file, on_note=told.append)
    assert (same, told) == (found, [])
    texts = toy_rows("text-classification")["text"][:5]
    assert [one["label"] for one in again(texts)] == [one["label"] for one in predictor(texts)]


def test_what_a_way_loses_is_told_with_its_interval(run, file, without_export, monkeypatch):
    kept_beside(run, choosing.DOCUMENT).unlink(missing_ok=True)
    monkeypatch.setattr(choosing, "measure", lambda ways, *_: {"torch int8": 1.0, OWN: 2.0})
    _, found = fastest(run, file, on_note=str)
    assert found.way == "torch int8"
    assert "test rows of the run" in found.loss
    assert "[" in found.loss or " to " in found.loss
    kept_beside(run, choosing.DOCUMENT).unlink()


def test_another_machine_is_measured_anew(run, file, without_export):
    fastest(run, file, on_note=str)
    path = kept_beside(run, choosing.DOCUMENT)
    document = json.loads(path.read_text())
    document["conditions"]["cpu"] = "another"
    path.write_text(json.dumps(document))
    told = []
    fastest(run, file, on_note=told.append)
    assert told
    assert not_older(path, run / "model")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a text", "--fast"], "--fast without --file"),
        (["--file", "FILE", "--out", "o.csv", "--fast", "--int8"], "--fast --int8"),
        (["--file", "FILE", "--out", "o.csv", "--fast", "--backend", "onnx"], "--backend onnx"),
        (["a text", "--backend", "abacus"], "--backend abacus"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, expected, run, file, tmp_path):
    given = [str(file) if one == "FILE" else one for one in arguments]
    result = CliRunner().invoke(app, ["predict", str(run), *given])
    assert result.exit_code == 2
    assert expected in result.stderr


def test_fast_writes_answers_and_says_what_is_lost(run, file, without_export, tmp_path):
    out = tmp_path / "answers.csv"
    result = CliRunner().invoke(
        app, ["predict", str(run), "--file", str(file), "--out", str(out), "--fast"]
    )
    assert result.exit_code == 0
    assert "taken" in result.output
    assert len(out.read_text().splitlines()) == len(toy_rows("text-classification")) + 1
