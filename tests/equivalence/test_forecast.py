"""A forecast from the command line and from Python, and the cells that it shares with a ladder."""

import json
import random
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, RecipeError, RunError
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.runs import plain
from luthier.studies.forecast_plan import plan_forecast
from tests.toys import write_csv

OPTIONS = ["--seeds", "3", "--min-steps", "0", "-q"]
SIZES = ["--sizes", "8,16,32,64,160"]


def write_rows(path, n_rows=400, labels="abcd", seed=0):
    """Write rows of several labels, told apart by a few letters among many."""
    draw = random.Random(seed)
    rows = {"text": [], "label": []}
    for number in range(n_rows):
        label = labels[number % len(labels)]
        own = [chr(ord("e") + 4 * labels.index(label) + draw.randrange(4)) for _ in range(3)]
        noise = [draw.choice("efghijklmnopqrst") for _ in range(4)]
        words = own + noise
        draw.shuffle(words)
        rows["text"].append(f"{' '.join(words)} {number}")
        rows["label"].append(label)
    return write_csv(Rows.of(rows), path)


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecast")
    write_rows(folder / "letters.csv")
    path = folder / "letters.yaml"
    path.write_text(
        f"model: {{name: {tiny_model('bert')}, pooling: mean}}\n"
        "task: text-classification\n"
        "method: prototypes\n"
        "data: {train: letters.csv, split: {test: 240}, ignore_findings: [near-duplicates]}\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    return path


def ask(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("curve") / "out"
    said = ask("forecast", recipe, *SIZES, *OPTIONS, "--to", "240,400", "--out", out, "--json")
    assert said.exit_code == 0, said.output
    return out, json.loads(said.stdout)


def test_it_says_what_more_labels_bring(study):
    out, said = study
    found = json.loads((out / "forecast.json").read_text())
    assert found["sizes"] == [8, 16, 32, 64, 160]
    assert [one["n_rows"] for one in found["expected"]] == [240, 400]
    for one in found["expected"]:
        assert one["low"] < one["score"] < one["high"]
    assert found["sentences"][0].startswith("+80 labels ≈ +")
    assert {key: value for key, value in said.items() if key in found} == found
    assert said["report"] == str(out / "forecast.html")


def test_python_says_the_same_and_trains_nothing_again(study, recipe):
    out, said = study
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}
    assert len(before) == 5 * 3
    found = luthier.forecast(
        recipe, sizes=[160, 8, 16, 32, 64], to=[240, 400], n_seeds=3, min_steps=0, out=out
    )
    assert plain(found) == {key: value for key, value in said.items() if key != "report"}
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}


def test_sizes_are_shares_of_all_rows_and_draws_follow_the_seed(recipe, tmp_path):
    made = read_recipe(recipe)
    plan, rows = plan_forecast(made, tmp_path, sizes=None, n_seeds=2, min_steps=0)
    assert [*rows.values()] == [20, 40, 60, 80, 120, 160]
    texts = {}
    for trial in plan.trials:
        found = check_data(trial.recipe, make_plugin("tasks", trial.recipe.task)).splits.train
        texts[trial.seed, len(found)] = {*found["text"]}
    assert len(texts) == 2 * 6
    for seed in (0, 1):
        assert texts[seed, 20] < texts[seed, 60] < texts[seed, 160]
    assert texts[0, 20] != texts[1, 20]


def test_the_page_shows_curve_and_band(study):
    out, _ = study
    page = (out / "forecast.html").read_text()
    figure = page[page.index("<figure>") + 8 : page.index("</figure>")]
    drawn = ElementTree.fromstring(figure)
    assert len(drawn.findall(".//circle")) == 5
    (band,) = drawn.findall(".//polygon")
    places = [[float(one) for one in pair.split(",")] for pair in band.get("points").split()]
    assert all(0 <= x <= 100 for x, _ in places)
    assert max(x for x, _ in places) > min(x for x, _ in places) > 50
    assert "script" not in page
    assert "+80 labels" in page


def test_a_ladder_reads_what_a_forecast_trained(study, recipe):
    out, _ = study
    cell = out / "cells" / "prototypes-full-seed0" / "scores.json"
    before = cell.stat().st_mtime_ns
    said = ask(
        "ladder", recipe, "--methods", "prototypes", "--shots", "full", *OPTIONS, "--out", out
    )
    assert said.exit_code == 0, said.output
    assert cell.stat().st_mtime_ns == before


def test_a_forecast_reads_what_a_ladder_trained(recipe, tmp_path):
    shots = "2,4,8,16,full"
    said = ask(
        "ladder", recipe, "--methods", "prototypes", "--shots", shots, *OPTIONS, "--out", tmp_path
    )
    assert said.exit_code == 0, said.output
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/scores.json")}
    said = ask("forecast", recipe, *OPTIONS, "--out", tmp_path, "--json")
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["sizes"] == [8, 16, 32, 64, 160]
    assert "the same number of each label" in " ".join(json.loads(said.stdout)["notes"])
    assert before == {
        path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/scores.json")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "100"], "more labels than there are, 160"),
        (["--to", "5000"], "more than 8 times"),
        (["--to", "many"], "whole numbers"),
        (["--sizes", "8,16,32"], "needs 5 sizes"),
        (["--ceiling", "90"], "A ceiling is a score"),
        (["data.shots=4"], "draws training rows itself"),
        (["data.train=no.csv"], "no.csv"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(words, said, recipe, tmp_path):
    options, overrides = [w for w in words if "=" not in w], [w for w in words if "=" in w]
    answered = ask("forecast", recipe, *overrides, *options, *OPTIONS, "--out", tmp_path / "out")
    assert answered.exit_code == 2, answered.output
    assert said in " ".join(answered.stderr.split())
    assert not (tmp_path / "out" / "cells").exists()


def test_one_draw_is_no_curve(recipe, tmp_path):
    with pytest.raises(RecipeError, match="two draws"):
        luthier.forecast(recipe, n_seeds=1, out=tmp_path)


def test_labels_that_say_nothing_make_a_flat_curve_that_is_refused(recipe, tmp_path):
    draw = random.Random(0)
    path = write_rows(tmp_path / "noise.csv", 300)
    lines = path.read_text().splitlines()
    shuffled = [line.rsplit(",", 1)[1] for line in lines[1:]]
    draw.shuffle(shuffled)
    rest = [
        f"{line.rsplit(',', 1)[0]},{one}" for line, one in zip(lines[1:], shuffled, strict=True)
    ]
    path.write_text("\n".join([lines[0], *rest]) + "\n")
    asked = [f"data.train={path}", "data.split.test=200"]
    with pytest.raises(DataError, match="flat") as caught:
        luthier.forecast(recipe, asked, n_seeds=2, min_steps=0, out=tmp_path / "out")
    assert "a doubling" in caught.value.received


def test_runs_that_cannot_be_made_are_named(recipe, tmp_path):
    with pytest.raises(RunError, match="of 12 runs could not be made") as caught:
        luthier.forecast(recipe, ["method=top-layers"], n_seeds=2, min_steps=0, out=tmp_path)
    assert "to cut between" in caught.value.received
