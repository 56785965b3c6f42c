"""Files that are read otherwise than those of the run: by overrides, from the command line too."""

import csv
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import LuthierError, RecipeError
from tests.toys import toy_rows, toy_tree


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[])
    out = tmp_path_factory.mktemp("files") / "run"
    return luthier.run(tree, out=out, data={"train": toy_rows("text-classification")}).folder


@pytest.fixture
def other(tmp_path):
    rows = toy_rows("text-classification")
    path = tmp_path / "other.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["review", "stars"])
        table.writerows(zip(rows["text"], rows["label"], strict=True))
    return path


NAMED = ("data.columns.text=review", "data.columns.label=stars")


def test_columns_of_other_names_are_scored(run, other):
    found = luthier.evaluate(run, str(other), NAMED)
    assert found.n_rows == len(toy_rows("text-classification"))
    with pytest.raises(LuthierError) as caught:
        luthier.evaluate(run, str(other), NAMED[:1])
    assert caught.value.hint.startswith("data.columns.label=")


def test_the_fix_of_the_command_works_as_it_is_given(run, other, tmp_path):
    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    assert call("evaluate", run, "--data", other, "data.columns.text=review").exit_code == 2
    done = call("evaluate", run, "--data", other, *NAMED, "--json")
    assert (done.exit_code, json.loads(done.stdout)["rows"]) == (
        0,
        len(toy_rows("text-classification")),
    )
    out = tmp_path / "out.csv"
    done = call("predict", run, "--file", other, "--out", out, "data.columns.text=review")
    assert done.exit_code == 0
    with out.open() as file:
        assert next(csv.reader(file))[:2] == ["text", "stars"]


@pytest.mark.parametrize("override", ["training.seed=3", "data.split.test=3", "nonsense"])
def test_what_is_not_about_files_is_refused(run, override):
    with pytest.raises(RecipeError, match="Only how files are read"):
        luthier.load(run, [override])


def test_blank_lines_are_answered_in_their_places(run):
    done = CliRunner().invoke(app, ["predict", str(run), "--json"], input="one\n\nthree\n")
    assert len(done.stdout.splitlines()) == 3


def test_a_missing_file_is_told_before_anything_is_loaded_or_made(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("model: m\ntask: text-classification\ndata: {train: nope.csv}\n")
    words = ["run", str(recipe), "--out", str(tmp_path / "run")]
    program = (
        "import sys; from luthier.cli.app import app\n"
        f"try: app({words!r})\nexcept SystemExit as end: assert end.code == 2\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, "nope.csv" in done.stderr) == (0, True), done.stderr
    assert not (tmp_path / "run").exists()
