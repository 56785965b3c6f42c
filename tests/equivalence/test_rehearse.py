"""A rehearsal from the command line and from Python; plays are kept and gone on with."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import RunError
from luthier.registry import find
from luthier.runs import plain
from luthier.signals import Interrupted
from tests.equivalence.test_forecast import write_rows
from tests.toys import toy_rows

OPTIONS = ["--batch", "6", "--rounds", "3", "--seeds", "2", "-q"]
ASKED = {"batch": 6, "rounds": 3, "n_seeds": 2}


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rehearsal")
    write_rows(folder / "letters.csv", 300)
    path = folder / "letters.yaml"
    path.write_text(
        f"model: {{name: {tiny_model('bert')}, pooling: mean}}\n"
        "task: text-classification\n"
        "method: prototypes\n"
        "data: {train: letters.csv, split: {validation: 0, test: 150}, "
        "ignore_findings: [near-duplicates]}\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    return path


def ask(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def played(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "out"
    said = ask("rehearse", recipe, "--by", "margin,typiclust", *OPTIONS, "--out", out, "--json")
    assert said.exit_code == 0, said.output
    return out, json.loads(said.stdout), said.stderr


def test_it_compares_each_strategy_with_random(played):
    out, said, told = played
    found = json.loads((out / "rehearsal.json").read_text())
    assert {key: value for key, value in said.items() if key in found} == found
    assert [one["by"] for one in found["compared"]] == ["margin", "typiclust"]
    assert {one["by"] for one in found["steps"]} == {"random", "margin", "typiclust"}
    assert [one["n_labelled"] for one in found["steps"][:4]] == [6, 12, 18, 24]
    assert found["n_pool"] == 150
    for one in found["compared"]:
        assert one["difference"]["low"] <= one["difference"]["mean"] <= one["difference"]["high"]
        assert one["p_adjusted"] >= one["difference"]["p_value"]
    assert told.count("in the end") == 6


def test_the_first_batch_is_the_same_for_all_strategies(played):
    out, _, _ = played
    for seed in (0, 1):
        firsts = {
            json.loads((out / "plays" / f"{by}-seed{seed}.json").read_text())["values"][0]
            for by in ("random", "margin", "typiclust")
        }
        assert len(firsts) == 1


def test_python_says_the_same_and_plays_nothing_again(played, recipe):
    out, said, _ = played
    before = {path: path.stat().st_mtime_ns for path in out.glob("plays/*")}
    found = luthier.rehearse(recipe, by=["margin", "typiclust"], out=out, **ASKED)
    assert plain(found) == {key: value for key, value in said.items() if key != "report"}
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("plays/*")}
    assert len(before) == 6


def test_the_page_draws_every_strategy(played):
    out, said, _ = played
    page = (out / "report.html").read_text()
    figure = page[page.index("<figure>") + 8 : page.index("</figure>")]
    drawn = ElementTree.fromstring(figure)
    assert len(drawn.findall(".//polyline")) == 3
    assert len(drawn.findall(".//circle")) == 3 * 4
    assert "script" not in page
    assert said["sentences"][0] in page.replace("&#39;", "'")


def test_one_that_is_interrupted_goes_on_where_it_was(played, recipe, tmp_path):
    _, said, _ = played

    def stop(by, seed, number, n_batches, score):
        if (by, seed, number) == ("margin", 1, 2):
            raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        luthier.rehearse(recipe, by=["margin", "typiclust"], out=tmp_path, on_batch=stop, **ASKED)
    kept = {path.name for path in (tmp_path / "plays").iterdir()}
    assert kept == {
        *(f"{by}-seed0.json" for by in ("random", "margin", "typiclust")),
        "random-seed1.json",
    }
    found = luthier.rehearse(recipe, by=["margin", "typiclust"], out=tmp_path, **ASKED)
    assert plain(found)["steps"] == said["steps"]


def test_plays_of_another_rehearsal_are_not_mixed_in(played, recipe):
    out, _, _ = played
    with pytest.raises(RunError, match="another rehearsal") as caught:
        luthier.rehearse(recipe, by=["margin"], out=out, batch=5, rounds=3, n_seeds=2)
    assert "other batch" in caught.value.received
    with pytest.raises(RunError, match="another rehearsal"):
        luthier.rehearse(recipe, ["data.split.seed=1"], by=["margin"], out=out, **ASKED)


def test_a_damaged_file_is_named(recipe, tmp_path):
    (tmp_path / "plays").mkdir()
    (tmp_path / "plays" / "random-seed0.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read") as caught:
        luthier.rehearse(recipe, by=["margin"], out=tmp_path, **ASKED)
    assert "random-seed0.json" in caught.value.received


def test_the_recipes_own_method_can_be_trained(recipe, tmp_path):
    found = luthier.rehearse(recipe, by=["margin"], method="recipe", out=tmp_path, **ASKED)
    assert "the recipe's method" in " ".join(found.notes)
    assert all(0 <= one.score.mean <= 1 for one in found.steps)


@pytest.mark.parametrize("task", ["multi-label-classification", "token-classification"])
def test_other_tasks_with_labels_are_rehearsed(task, tiny_model, tmp_path):
    tree = {
        "model": str(tiny_model("bert")),
        "task": task,
        "data": {"train": "memory", "split": {"validation": 0, "test": 0.3}},
        "evaluation": {"n_resamples": 100},
    }
    rows = toy_rows(task)
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for index in range(len(rows)):
            file.write(json.dumps({key: plain(rows[key][index]) for key in rows.columns}) + "\n")
    tree["data"]["train"] = str(path)
    tree["data"]["ignore_findings"] = ["duplicate-across-splits"]
    found = luthier.rehearse(tree, by=["entropy"], batch=3, rounds=2, n_seeds=2, out=tmp_path / "o")
    kinds = find("queries", "entropy").kinds
    assert find("tasks", task).kind in kinds
    assert np.isfinite([one.score.mean for one in found.steps]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "margn"], "no query strategy called 'margn'"),
        (["--by", ""], "no strategy to compare"),
        (["--batch", "60"], "half of the training rows"),
        (["data.train=no.csv"], "no.csv"),
        (["data.columns.text=body"], "body"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, recipe, tmp_path):
    options, overrides = [w for w in words if "=" not in w], [w for w in words if "=" in w]
    answered = ask("rehearse", recipe, *overrides, *OPTIONS, *options, "--out", tmp_path / "out")
    assert answered.exit_code == 2, answered.output
    assert said in " ".join(answered.stderr.split())
    assert not (tmp_path / "out").exists()
