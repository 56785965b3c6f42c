"""A soup of seeds: the mean of the weights of runs that make it no worse on validation."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import RunError
from luthier.exporters import soup as module
from luthier.exporters.kept_weights import checkpoints_of, kept_models
from luthier.exporters.soup import weights_of
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def runs(tiny_model, tmp_path_factory):
    """Train one recipe with three seeds."""
    folder = tmp_path_factory.mktemp("soup")
    file = write_csv(toy_rows("text-classification"), folder / "topics.csv")
    training = {"num_train_epochs": 4, "learning_rate": 1e-2}
    data = {"train": str(file), "split": {"validation": 0.2, "test": 0.3, "seed": 0}}
    tree = toy_tree("text-classification", tiny_model("bert"), data=data, training=training)
    luthier.seeds(tree, n_seeds=3, out=folder / "study", keep_models=True)
    return sorted((folder / "study" / "cells").iterdir())


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_soup_is_no_worse_on_validation_than_the_best_run(runs, tmp_path):
    made = luthier.soup(runs, tmp_path / "out")
    best = max(score for name, score in made.validation.items() if name != "soup")
    assert made.validation["soup"] >= best
    assert {*made.runs, *made.left_out} == {str(run) for run in runs}
    assert made.validation[made.runs[0]] == best
    assert luthier.load(tmp_path / "out")(["sun over the coast"])[0]["label"]
    assert made.scores["soup"]["accuracy"].n == 27


def test_it_is_the_mean_of_the_runs_that_are_in_it(runs, tmp_path, monkeypatch):
    """Every mean tastes a little better than the last."""
    tastes = iter([0.1, 0.3, 0.2, 0.4, 0.5])
    monkeypatch.setattr(module, "taste", lambda *given: next(tastes))
    made = luthier.soup(runs, tmp_path / "out")
    assert made.runs == (str(runs[1]), str(runs[2]), str(runs[0]))
    assert made.comparison.system == "soup"
    parts = [weights(run / "model") for run in runs]
    for name, one in weights(tmp_path / "out").items():
        mean = torch.stack([part[name].double() for part in parts]).mean(dim=0)
        assert torch.allclose(one.double(), mean, atol=1e-7), name


def test_what_makes_it_worse_is_left_out(runs, tmp_path, monkeypatch):
    tastes = iter([0.1, 0.3, 0.2, 0.1, 0.2])
    monkeypatch.setattr(module, "taste", lambda *given: next(tastes))
    made = luthier.soup(runs, tmp_path / "out")
    assert (made.runs, len(made.left_out), made.comparison) == ((str(runs[1]),), 2, None)
    own = weights(runs[1] / "model")
    assert all(torch.equal(one, own[name]) for name, one in weights(tmp_path / "out").items())


def test_the_command_says_what_it_is_made_of(runs, tmp_path):
    said = CliRunner().invoke(
        app, ["soup", *map(str, runs), "--out", str(tmp_path / "out"), "--json"]
    )
    assert said.exit_code == 0, said.output
    assert set(json.loads(said.stdout)["validation"]) == {*map(str, runs), "soup"}


KEPT = [  # what a run saves may not be what it trains
    ("text-classification", {"regularisers": ["ema"], "method": {"name": "lora"}}),
    ("text-regression", {"data": {"split": {"validation": 0.2, "test": 0.3}}}),
]


@pytest.fixture(scope="module")
def trained(tiny_model, tmp_path_factory):
    def of(task, **sections):
        folder = tmp_path_factory.mktemp("kept")
        file = write_csv(toy_rows(task), folder / "rows.csv")
        training = {"num_train_epochs": 3, "save_strategy": "epoch", "save_total_limit": 3}
        training |= sections.pop("training", {})
        data = {"train": str(file), **sections.pop("data", {})}
        tree = toy_tree(task, tiny_model("bert"), data=data, training=training, **sections)
        return RunFolder(luthier.run({**tree, "baselines": []}, out=folder / "run").folder)

    return of


@pytest.mark.parametrize(("task", "sections"), KEPT)
def test_the_last_weights_that_a_run_kept_are_those_that_it_saved(task, sections, trained):
    run = trained(task, training={"load_best_model_at_end": False}, **sections)
    checkpoints = checkpoints_of(run)
    models = [weights_of(model) for _, model in kept_models(run, checkpoints, None)]
    own = weights_of(luthier.load(run.path).model)
    assert len(models) == 3
    assert all(torch.equal(one, own[name]) for name, one in models[-1].items())
    assert not all(torch.equal(one, own[name]) for name, one in models[0].items())


def test_weights_before_the_best_are_not_replaced_by_it(trained):
    """The best weights are those of the first epoch: learning goes wrong from there."""
    run = trained("text-classification", training={"learning_rate": 0.5})
    models = [weights_of(model) for _, model in kept_models(run, checkpoints_of(run), None)]
    pairs = zip(models[1].items(), models[2].values(), strict=True)
    assert not all(torch.equal(one, other) for (_, one), other in pairs)


def test_a_soup_of_one_run_is_made_of_what_it_kept(trained, tmp_path):
    run = trained("text-classification")
    said = CliRunner().invoke(
        app, ["soup", str(run.path), "--out", str(tmp_path / "out"), "--json"]
    )
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    steps = {Path(name).name for name in [*found["runs"], *found["left_out"]]} - {"run"}
    assert steps < {"checkpoint-6", "checkpoint-12", "checkpoint-18"}  # one is that of the run
    assert found["validation"]["soup"] >= max(found["validation"].values())
    assert luthier.load(tmp_path / "out")(["sun over the coast"])[0]["label"]
    assert not list(run.path.parent.glob(".soup-*"))


def test_a_run_that_kept_no_weights_and_runs_of_another_recipe_are_refused(
    runs, tiny_model, tmp_path
):
    with pytest.raises(RunError, match="kept no weights") as told:
        luthier.soup(runs[:1], tmp_path / "out")
    assert "save_total_limit" in told.value.hint
    tree = toy_tree("text-classification", tiny_model("roberta"), baselines=[])
    data = {"train": toy_rows("text-classification")}
    other = luthier.run(tree, ["training.max_steps=1"], out=tmp_path / "other", data=data)
    with pytest.raises(RunError, match="same rows can be averaged") as told:
        luthier.soup([runs[0], other.folder], tmp_path / "out")
    assert "model" in told.value.received
    assert not (tmp_path / "out").exists()
