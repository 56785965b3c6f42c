"""The rows of a finished run are read again as they were, or refused."""

import pytest

import luthier
from luthier.errors import RunError
from luthier.recipe.checks import make_plugin
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    file = write_csv(toy_rows("text-classification"), folder / "rows.csv")
    data = {"train": str(file), "limit": {"train": 30, "test": 10}}
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[], data=data)
    run = luthier.run(tree, ["training.max_steps=1"], out=folder / "run")
    return RunFolder.open(run.folder), file


def again(folder, **given):
    recipe = folder.recipe()
    return rows_of_run(folder, recipe, make_plugin("tasks", recipe.task), **given)


def test_they_are_those_that_were_trained_and_judged(finished):
    folder, file = finished
    splits = again(folder)
    assert [len(splits.train), len(splits.test)] == [30, 10]
    lines = file.read_text("utf-8").splitlines()
    for _, rows in splits.items():
        assert all(rows["text"][n] in lines[rows.lines[n] - 1] for n in range(len(rows)))


def test_rows_that_changed_are_refused(finished):
    folder, file = finished
    before = file.read_text("utf-8")
    file.write_text(before.replace("snow", "rain"), "utf-8")
    with pytest.raises(RunError, match="no longer those of the run"):
        again(folder)
    file.write_text(before, "utf-8")


def test_rows_in_memory_have_to_be_given_again(tiny_model, tmp_path):
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[])
    data = {"train": toy_rows("text-classification")}
    run = luthier.run(tree, ["training.max_steps=1"], out=tmp_path / "run", data=data)
    folder = RunFolder.open(run.folder)
    with pytest.raises(RunError, match="were in memory"):
        again(folder)
    assert len(again(folder, given=data).train) > 0
