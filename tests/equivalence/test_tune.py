"""A search from the command line: killed and resumed, by several workers, and what it ends with."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, RecipeError, RunError
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.studies.outcomes import validation_scores
from tests.toys import toy_rows, write_csv

SPACE = """training.learning_rate: {low: 1.0e-4, high: 1.0e-1, log: true}
training.per_device_train_batch_size: [8, 16]
"""


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    """Write the toy topics, a recipe and a space for them."""
    folder = tmp_path_factory.mktemp("tune")
    write_csv(toy_rows("text-classification"), folder / "topics.csv")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    path = folder / "topics.yaml"
    path.write_text(
        f"model: {tiny_model('bert')}\n"
        "task: text-classification\n"
        "data: {train: topics.csv, split: {validation: 24, test: 24}}\n"
        "training: {num_train_epochs: 3, learning_rate: 1.0e-2, save_strategy: epoch}\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    return path


def words_of(recipe, out, *more):
    return ["tune", recipe, "--space", recipe.with_name("space.yaml"), "--out", out, "-q", *more]


def ask(*words):
    """Call the command line."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def search(recipe, tmp_path_factory):
    """Run a whole search, beside random search."""
    out = tmp_path_factory.mktemp("search") / "out"
    said = ask(*words_of(recipe, out, "--trials", "3", "--seeds", "2", "--against-random"))
    assert said.exit_code == 0, said.output
    return out, said.output


def found_in(out):
    return json.loads((out / "tune.json").read_text())


def told_of(out):
    """Give what each trial tried and what came of it."""
    kept = ("cell", "state", "score", "values", "curve")
    return [{name: one[name] for name in kept} for one in found_in(out)["search"]["trials"]]


def test_every_trial_is_a_run_scored_on_validation_alone(search):
    out, _ = search
    found = found_in(out)
    assert [one["cell"] for one in found["search"]["trials"]] == [f"trial-00{n}" for n in range(3)]
    for part in (found["search"], found["random"]):
        for one in part["trials"]:
            run = RunFolder.open(out / "cells" / one["cell"]).require_finished()
            assert run.report.is_file()
            assert one["score"] == validation_scores(run)[found["metric"]]
            assert run.recipe().training.learning_rate == one["values"]["training.learning_rate"]
            assert run.model.exists() == (one["cell"] == part["best"])
    scores = [one["score"] for one in found["search"]["trials"]]
    assert found["search"]["trials"][scores.index(max(scores))]["cell"] == found["search"]["best"]
    luthier.load(out / "cells" / found["search"]["best"])("a text")


def test_no_test_score_is_in_the_journal(search):
    out, _ = search
    journal = (out / "journal.jsonl").read_text()
    for cell in out.glob("cells/trial-*"):
        scores = json.loads((cell / "scores.json").read_text())["fine-tuned"]
        assert str(scores["log_loss"]["value"]) not in journal


def test_it_ends_with_a_recipe_a_figure_and_what_fresh_seeds_say(search, recipe):
    out, said = search
    found = found_in(out)
    best = next(one for one in found["search"]["trials"] if one["cell"] == found["search"]["best"])
    made = read_recipe(out / "recipe.yaml")
    for path, value in best["values"].items():
        assert getattr(made.training, path.rpartition(".")[2]) == value
    assert made.training.seed == 0
    fresh = found["fresh"]
    assert fresh["seeds"] == [1, 2]
    assert fresh["arms"][-1] == "as it is"
    assert {one["score"]["n_seeds"] for one in fresh["lines"]} == {2}
    assert set(found["validation"]) == set(fresh["arms"])
    page = (out / "report.html").read_text()
    assert "<polyline" in page
    assert "<script" not in page
    assert found["sentences"][0] in page
    assert "cannot be told: 3 trials finished" in found["sentences"][-1]
    assert re.search("Random search with as many trials", " ".join(found["sentences"]))
    assert "validation" in said


def test_the_same_command_trains_nothing_anew(search, recipe):
    out, _ = search
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}
    whole = found_in(out)
    said = ask(*words_of(recipe, out, "--trials", "3", "--seeds", "2", "--against-random"))
    assert said.exit_code == 0, said.output
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}
    assert found_in(out) == whole


def test_another_recipe_or_space_is_not_mixed_in(search, recipe):
    out, _ = search
    said = ask(*words_of(recipe, out, "training.weight_decay=0.5"))
    assert said.exit_code == 2
    assert "another recipe" in said.output
    with pytest.raises(RunError, match="other settings"):
        luthier.tune(recipe, space={"training.weight_decay": [0.1, 0.2]}, out=out)


def test_one_that_is_killed_goes_on_as_it_would_have(search, recipe, tmp_path):
    whole, _ = search
    out = tmp_path / "out"
    words = [str(word) for word in words_of(recipe, out, "--trials", "3", "--seeds", "0")]
    child = subprocess.Popen([sys.executable, "-m", "luthier", *words], stdout=subprocess.DEVNULL)
    begun = out / "cells" / "trial-001" / "recipe.yaml"
    deadline = time.monotonic() + 120
    while not begun.is_file() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert begun.is_file()
    assert not (out / "tune.json").exists()
    again = subprocess.run(
        [sys.executable, "-m", "luthier", *words], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert told_of(out) == told_of(whole)


def test_several_workers_share_a_search(recipe, tmp_path):
    out = tmp_path / "out"
    said = ask(*words_of(recipe, out, "--trials", "5", "--seeds", "0", "--jobs", "2"))
    assert said.exit_code == 0, said.output
    trials = told_of(out)
    assert [one["cell"] for one in trials] == [f"trial-00{number}" for number in range(5)]
    assert {one["state"] for one in trials} == {"finished"}
    assert len({one["values"]["training.learning_rate"] for one in trials}) == 5
    assert said.output.count("on validation (") == 5
    assert found_in(out)["fresh"] is None


def test_workers_on_ray_share_a_search(recipe, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    out = tmp_path / "out"
    asked = ("--trials", "4", "--seeds", "1", "--jobs", "2", "--on", "ray")
    said = ask(*words_of(recipe, out, *asked))
    assert said.exit_code == 0, said.output
    assert [one["state"] for one in told_of(out)] == ["finished"] * 4
    assert found_in(out)["fresh"] is not None
    assert not [*out.rglob(".stop-*")]


def test_one_that_is_interrupted_goes_on_with_its_trial(recipe, tmp_path):
    def stop(info):
        if info.phase == "fine-tuning" and info.step == 2:
            raise Interrupted

    given = {"space": recipe.with_name("space.yaml"), "n_trials": 2, "n_seeds": 0, "out": tmp_path}
    with pytest.raises(Interrupted):
        luthier.tune(recipe, listeners=[stop], **given)
    found = luthier.tune(recipe, **given)
    assert [one.state for one in found.search.trials] == ["finished", "finished"]


def test_a_trial_that_diverges_has_failed(recipe, tmp_path):
    found = luthier.tune(
        recipe,
        ["training.max_grad_norm=0.0"],
        space={"training.learning_rate": [1e-2, 1e30], "training.optim": ["sgd", "adamw_torch"]},
        n_trials=6,
        n_seeds=0,
        out=tmp_path,
    )
    failed = [one for one in found.search.trials if one.state == "failed"]
    assert failed
    assert all(one.score is None and one.reason for one in failed)
    assert found.search.winner.values["training.learning_rate"] == 1e-2
    assert f"{len(failed)} failed" in found.sentences[0]
    assert "What failed" in (tmp_path / "report.html").read_text()


def test_a_search_whose_trials_all_fail_says_so(recipe, tmp_path):
    (recipe.with_name("wild.yaml")).write_text("training.learning_rate: [1.0e+29, 1.0e+30]\n")
    said = ask(
        *("tune", recipe, "training.optim=sgd", "training.max_grad_norm=0", "--trials", "2"),
        *("--space", recipe.with_name("wild.yaml"), "--out", tmp_path / "out", "-q"),
    )
    assert said.exit_code == 2, said.output
    assert "there is no best one" in said.output
    assert not (tmp_path / "out" / "recipe.yaml").exists()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.eval_strategy=no", "validation rows"),
        ("data.split.validation=0", "no validation rows"),
        ("data.split.n_folds=3", "n_folds=3"),
        ("data.columns.label=topik", "topik"),
    ],
)
def test_what_cannot_be_chosen_by_is_told_before_any_trial(override, says, recipe, tmp_path):
    with pytest.raises((RecipeError, DataError)) as refused:
        luthier.tune(recipe, [override], out=tmp_path / "out")
    assert says in f"{refused.value}"
    assert not (tmp_path / "out").exists()
