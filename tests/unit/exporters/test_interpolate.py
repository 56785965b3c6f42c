"""`luthier interpolate`: the line between two models, a choice on validation, paired scores."""

import json

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, LuthierError, ModelError, RunError
from luthier.exporters.interpolate import Point, chosen_of
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree, write_csv

TASK = "text-classification"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def run(tiny_model, place):
    """Train a run on toy rows, from a model without a head or from another run."""
    rows = toy_rows(TASK)
    file = write_csv(rows, place / "toys.csv")
    write_csv(rows.take(range(40)), place / "some.csv")

    def make(name, model=None, family="bert", tokens=(), **sections):
        if not (place / name).exists():
            sections = {"training": {"num_train_epochs": 3, "learning_rate": 1e-2}, **sections}
            sections.setdefault("baselines", [])
            tree = toy_tree(TASK, model or tiny_model(family, None), **sections)
            tree["model"]["new_tokens"] = list(tokens)
            tree["data"] |= {
                "train": str(file),
                "split": {"validation": 0.2, "test": 0.3, "seed": 0},
            }
            luthier.run(tree, out=place / name)
        return place / name

    return make


def test_the_ends_are_the_two_models_and_the_middle_their_mean(run, place, tmp_path):
    first = run("first")
    second = run("second", model=first / "model", training={"learning_rate": 1e-2, "seed": 1})
    seen = []
    found = luthier.interpolate(
        second, points=5, out=tmp_path / "out", page=tmp_path / "p.html", listeners=[seen.append]
    )
    assert [point.alpha for point in found.points] == [0.0, 0.25, 0.5, 0.75, 1.0]
    ours = RunFolder(second).read_json("scores")["fine-tuned"]
    theirs = RunFolder(first).read_json("scores")["fine-tuned"]
    judged = found.scores["own rows"]
    assert judged["the run"]["log_loss"].value == pytest.approx(ours["log_loss"]["value"], abs=1e-5)
    assert judged["the other"]["log_loss"].value == pytest.approx(
        theirs["log_loss"]["value"], abs=1e-5
    )
    parts = [load_file(one / "model" / "model.safetensors") for one in (first, second)]
    for name, one in load_file(tmp_path / "out" / "model.safetensors").items():
        between = (1 - found.alpha) * parts[0][name].double() + found.alpha * parts[1][
            name
        ].double()
        assert torch.allclose(one.double(), between, atol=1e-6), name
    assert luthier.load(tmp_path / "out")(["sun over the coast"])[0]["label"]
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "<svg" in page
    assert "Validation rows chose" in page
    assert len(seen) == 5


def test_half_of_the_other_file_chooses_and_half_judges(run, place):
    first = run("first")
    other = run("other", training={"learning_rate": 1e-2, "num_train_epochs": 3, "seed": 5})
    rows = [f"day {n} brings rain over the hills,weather" for n in range(15)]
    rows += [f"the striker scored goal {n} at home,sport" for n in range(15)]
    label = sorted({*toy_rows(TASK)["label"]})
    text = (
        "\r\n".join(["text,label", *rows]).replace("weather", label[0]).replace("sport", label[1])
    )
    (place / "more.csv").write_text(text, encoding="utf-8", newline="")
    found = luthier.interpolate(first, other, on=place / "more.csv", points=3)
    assert found.n_choosing["more.csv"] == 15
    scores = found.scores["more.csv"]
    assert {*scores} == {"interpolated", "the run", "the other"}
    assert scores["interpolated"]["accuracy"].n == 15
    assert {one.baseline for one in found.comparisons["more.csv"]} == {"the run", "the other"}


def test_of_equal_places_the_one_nearest_to_the_run_is_taken():
    points = [Point(a, {"x": s}) for a, s in ((0.0, 0.9), (0.5, 0.9), (1.0, 0.8))]
    assert chosen_of(points, "accuracy") == 0.5
    assert chosen_of(points, "perplexity") == 1.0
    both = [Point(0.0, {"x": 0.2, "y": 1.0}), Point(1.0, {"x": 1.0, "y": 0.5})]
    assert chosen_of(both, "accuracy") == 1.0


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({}, ModelError, "no head for its task"),
        ({"other": "roberta"}, ModelError, "(?s)differ in.*weights"),
        ({"other": "words"}, ModelError, "tokenizers|weights"),
        ({"other": "absent"}, RunError, "absent"),
        ({"other": "first", "points": 1}, LuthierError, "3 to 101 points"),
        ({"other": "first", "on": "few.csv"}, DataError, "20 at least"),
        ({"other": "first", "out": "first"}, RunError, "not empty"),
    ],
)
def test_what_lies_on_no_line_is_refused_by_name(given, kind, words, run, place):
    first = run("first")
    if given.get("other") == "roberta":
        run("roberta", family="roberta")
    if given.get("other") == "words":
        run("words", tokens=["quixotryl"])
    (place / "few.csv").write_text("text,label\nfog again,a\n".replace(",a", ",sport"), "utf-8")
    asked = {name: one if name == "points" else place / one for name, one in given.items()}
    with pytest.raises(kind, match=words):
        luthier.interpolate(first, **asked)


def test_the_command_shows_the_curve(run, place, tmp_path):
    first, other = run("first"), run("other", training={"learning_rate": 1e-2, "seed": 5})
    asked = ["interpolate", str(first), "--with", str(other), "--points", "3", "--quiet"]
    said = CliRunner().invoke(app, [*asked, "--page", str(tmp_path / "curve.html")])
    assert said.exit_code == 0, said.output
    assert "own rows, n =" in said.stdout
    assert (tmp_path / "curve.html").is_file()
    said = CliRunner().invoke(app, [*asked, "--json"])
    assert len(json.loads(said.stdout)["points"]) == 3
    said = CliRunner().invoke(app, ["interpolate", str(first)])
    assert said.exit_code == 2
    assert "has no head for its task" in said.output
