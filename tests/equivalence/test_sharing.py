"""A run's model, report and exports can be passed on: they tell no folder, and predict alone."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import luthier
from luthier.errors import ModelError, RunError
from tests.commands import in_a_new_process
from tests.seals import without_seal
from tests.toys import FAMILY, toy_rows, toy_tree, write_csv

ALONE = {"name": "lora", "options": {"merge": False}}
TRAINING = {"max_steps": 2, "eval_strategy": "no"}
KEEPS_PATHS = {"recipe.yaml"}  # of a run; it is kept back


@pytest.fixture
def machine(tmp_path):
    """Make the folder of a machine that nobody else is to hear of."""
    folder = tmp_path / "machine"
    folder.mkdir()
    return folder


def trained(machine, tiny_model, task="text-classification", **sections):
    """Run a recipe on a model and a file that lie in a folder of the machine."""
    model = shutil.copytree(tiny_model(FAMILY.get(task, "bert")), machine / "tiny-model")
    file = write_csv(toy_rows(task), machine / "toy-rows.csv")
    tree = toy_tree(task, model, training=TRAINING, baselines=[], **sections)
    tree["data"] |= {"train": str(file)}
    return Path(luthier.run(tree, out=machine / "run").folder)


def tells(folder, machine):
    """List the files that tell the machine's folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if str(machine.parent).encode() in path.read_bytes()}


@pytest.mark.parametrize("method", ["full", "lora", ALONE, "prompt-tuning"])
def test_no_folder_is_told_but_in_the_recipe(method, tiny_model, machine):
    if method == "prompt-tuning":
        method = {"name": method, "options": {"num_virtual_tokens": 3}}
    run = trained(machine, tiny_model, method=method)
    assert tells(run, machine) <= KEEPS_PATHS
    assert "toy-rows.csv" in (run / "report.html").read_text()
    assert "tiny-model" in (run / "model" / "README.md").read_text()
    assert luthier.load(run)("a text")
    if method != "full" and isinstance(method, dict) and method["name"] == "prompt-tuning":
        return  # prompts cannot be merged
    luthier.export(run, machine / "plain")
    assert tells(machine / "plain", machine) == set()


def test_a_failed_run_tells_no_folder_either(tiny_model, machine):
    file = write_csv(toy_rows("text-classification"), machine / "toy-rows.csv")
    tree = toy_tree("text-classification", machine / "no-model", training=TRAINING)
    tree["data"] |= {"train": str(file)}
    with pytest.raises(ModelError):
        luthier.run(tree, out=machine / "run")
    assert not (machine / "run").exists()  # refused before its first step, it leaves nothing


def test_the_report_of_a_run_that_an_older_version_wrote_tells_no_folder(tiny_model, machine):
    from luthier.report.render import write_report

    run = without_seal(trained(machine, tiny_model))
    for name in ("panels", "data"):
        text = (run / f"{name}.json").read_text()
        assert "toy-rows.csv" in text
        (run / f"{name}.json").write_text(
            re.sub(r"toy-rows\.csv", str(machine / "toy-rows.csv"), text)
        )
    write_report(run)
    assert str(machine.parent) not in (run / "report.html").read_text()


@pytest.mark.parametrize("task", ["text-classification", "text-regression", "translation"])
def test_an_export_predicts_alone_as_its_run_does(task, tiny_model, machine, tmp_path):
    run = trained(machine, tiny_model, task, method="lora")
    luthier.export(run, tmp_path / "plain")
    before = luthier.load(run)(["a text", "two"])
    scores = luthier.load(run).evaluate(str(machine / "toy-rows.csv"))
    shutil.rmtree(machine)
    predictor = luthier.load(tmp_path / "plain")
    assert predictor(["a text", "two"]) == before
    write_csv(toy_rows(task), tmp_path / "more.csv")
    assert predictor.evaluate(str(tmp_path / "more.csv")) == scores


def test_a_runs_model_folder_predicts_alone(tiny_model, machine, tmp_path):
    run = trained(machine, tiny_model)
    before = luthier.load(run)("a text")
    model = shutil.copytree(run / "model", tmp_path / "elsewhere")
    shutil.rmtree(machine)
    assert luthier.load(model)("a text") == before


def test_an_adapter_finds_its_base_model_beside_it(tiny_model, machine, tmp_path):
    run = trained(machine, tiny_model, method=ALONE)
    before = luthier.load(run)("a text")
    moved = shutil.copytree(run, tmp_path / "moved")
    assert luthier.load(moved)("a text") == before  # by its recipe
    alone = shutil.copytree(run / "model", tmp_path / "alone" / "adapter")
    shutil.copytree(machine / "tiny-model", tmp_path / "alone" / "tiny-model")
    shutil.rmtree(machine)
    assert luthier.load(alone)("a text") == before


def test_a_card_goes_with_an_export_and_names_the_base_model(tiny_model, machine):
    run = trained(machine, tiny_model)
    luthier.export(run, machine / "plain")
    for folder in (run / "model", machine / "plain"):
        _, front, body = (folder / "README.md").read_text().split("---\n", 2)
        card = yaml.safe_load(front)
        assert card["base_model"] == "tiny-model"
        assert card["library_name"] == "transformers"
        assert card["pipeline_tag"] == "text-classification"
        (result,) = card["model-index"][0]["results"]
        score = json.loads((run / "scores.json").read_text())["fine-tuned"]["accuracy"]
        assert {"type": "accuracy", "name": "accuracy", "value": score["value"]} in result[
            "metrics"
        ]
        assert 'luthier predict "this folder"' in body
    assert "beside this folder" not in body


def test_an_export_answers_on_the_command_line_and_no_library_says_a_word(
    tiny_model, machine, tmp_path
):
    run = trained(machine, tiny_model, method="lora")
    file = machine / "toy-rows.csv"
    plain = machine / "plain"
    said, warned = in_a_new_process(
        ["export", run, "--out", plain],
        ["predict", plain, "a text"],
        ["predict", plain, "a text", "--json"],
        ["evaluate", plain, "--data", file, "--json"],
        cwd=tmp_path,
    )
    assert warned == ""
    assert all(said)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"recipe": {"model": 1}, "target": []}'])
def test_a_damaged_model_folder_is_named(content, tmp_path):
    (tmp_path / "luthier.json").write_text(content)
    with pytest.raises(RunError, match=r"luthier\.json of this run cannot be read"):
        luthier.load(tmp_path)


def test_an_export_that_is_damaged_answers_nothing(tiny_model, machine):
    run = trained(machine, tiny_model)
    luthier.export(run, machine / "plain")
    listed = json.loads((machine / "plain" / "manifest.json").read_text("utf-8"))["files"]
    assert {"model.safetensors", "config.json", "tokenizer.json", "luthier.json"} <= set(listed)
    for folder in (machine / "plain", run / "model"):
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            path = folder / name
            whole = path.read_bytes()
            path.write_bytes(whole[:-1])
            with pytest.raises(RunError, match="is damaged") as caught:
                luthier.load(folder)
            assert name in caught.value.received
            path.write_bytes(whole)
        assert luthier.load(folder)("a text")


def test_an_export_without_its_manifest_is_read_as_it_is(tiny_model, machine):
    luthier.export(trained(machine, tiny_model), machine / "plain")
    (machine / "plain" / "manifest.json").unlink()
    assert luthier.load(machine / "plain")("a text")
