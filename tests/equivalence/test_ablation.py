"""An ablation from the command line and from Python: one change an arm, and what each did."""

import json

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from luthier.studies.ablate import arms_of, plan_ablation
from tests.toys import toy_rows, write_csv

ASKED = ["--add", "r-drop,training.weight_decay=0.5", "--drop", "label-smoothing", "--seeds", "2"]


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    write_csv(toy_rows("text-classification"), folder / "topics.csv")
    path = folder / "topics.yaml"
    path.write_text(
        f"model: {tiny_model('bert')}\n"
        "task: text-classification\n"
        "data: {train: topics.csv, split: {test: 30}, ignore_findings: [near-duplicates]}\n"
        "training: {max_steps: 3, learning_rate: 1.0e-2, label_smoothing_factor: 0.1}\n"
        "evaluation: {n_resamples: 100}\n"
        "baselines: [majority]\n",
        encoding="utf-8",
    )
    return path


def ask(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    said = ask("ablate", recipe, *ASKED, "--out", out, "-q")
    assert said.exit_code == 0, said.output
    return out, said.output


def test_each_arm_is_the_recipe_with_one_change(study):
    out, _ = study
    trees = {
        cell.name: RunFolder.open(cell).recipe().model_dump(mode="json")
        for cell in (out / "cells").iterdir()
    }
    changed = {
        "with-r-drop": {"regularisers"},
        "with-training.weight_decay=0.5": {"training.weight_decay"},
        "without-label-smoothing": {"training.label_smoothing_factor"},
    }
    assert len(trees) == 2 * (1 + len(changed))
    for arm, fields in changed.items():
        for seed in (0, 1):
            ours, theirs = trees[f"{arm}-seed{seed}"], trees[f"as-it-is-seed{seed}"]
            apart = {name for name in ours if ours[name] != theirs[name]}
            if "training" in apart:
                apart.remove("training")
                apart |= {
                    f"training.{name}"
                    for name, value in ours["training"].items()
                    if value != theirs["training"][name]
                }
            assert apart == fields
            assert ours["training"]["seed"] == seed


def test_it_ends_with_a_verdict_on_each_change(study):
    out, said = study
    found = json.loads((out / "study.json").read_text("utf-8"))
    arms = ["with r-drop", "with training.weight_decay=0.5", "without label-smoothing"]
    assert [(one["first"], one["second"]) for one in found["pairs"]] == [
        (arm, "as it is") for arm in arms
    ]
    assert found["reference"] == "as it is"
    passes = {one["arm"]: one["costs"]["passes"] for one in found["lines"]}
    assert passes == {"as it is": 3, "with r-drop": 6, arms[1]: 3, arms[2]: 3}
    assert len(found["sentences"]) == 3
    page = (out / "report.html").read_text("utf-8")
    assert 'class="reference"' in page
    for arm, sentence in zip(arms, found["sentences"], strict=True):
        assert sentence.startswith(arm[:1].upper() + arm[1:])
        assert sentence[:12] in said
        assert arm in page
    assert read_recipe(out / "recipe.yaml").task.name == "text-classification"


def test_the_same_call_from_python_reads_what_was_run(study, recipe):
    out, _ = study
    asked = {"add": ["r-drop", "training.weight_decay=0.5"], "drop": "label-smoothing"}
    news = []
    again = luthier.ablate(
        recipe, **asked, n_seeds=2, out=out, on_trial=lambda *told: news.append(told)
    )
    assert list(again.sentences) == json.loads((out / "study.json").read_text())["sentences"]


def test_with_few_labels_every_arm_sees_the_same_draws(recipe):
    base = read_recipe(recipe)
    plan = plan_ablation(
        base, arms_of(base, add=["ema"], drop=[]), levels=["4", "full"], seeds=range(2)
    )
    assert plan.unit == "labels a class"
    shots = {(one.level, one.recipe.data.shots) for one in plan.trials}
    assert shots == {("4", 4), ("full", None)}
    assert len(plan.trials) == 2 * 2 * 2


def test_nothing_is_other_seeds_alone(recipe):
    base = read_recipe(recipe)
    plan = plan_ablation(base, arms_of(base, add=["nothing"], drop=[]), levels=[""], seeds=[0, 1])
    seeds = {one.name: one.recipe.training.seed for one in plan.trials}
    assert len(set(seeds.values())) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--add", "r-drip"], "did you mean r-drop?"),
        (["--drop", "label-smoothin"], "did you mean label-smoothing?"),
        (["--drop", "early-stopping"], "This change changes nothing"),
        (["--add", "training.learning_rat=1"], "learning_rate"),
        ([], "There is no change to try"),
        (["--add", "ema", "--shots", "four"], "Shots are numbers"),
    ],
)
def test_what_cannot_be_tried_is_refused(recipe, tmp_path, words, told):
    said = ask("ablate", recipe, *words, "--out", tmp_path / "out")
    assert isinstance(said.exception, RecipeError) or said.exit_code == 2
    assert told in said.output + str(said.exception)
    assert not (tmp_path / "out").exists()
