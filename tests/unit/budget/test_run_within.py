"""A search on toy rows: what is chosen, what is left, and what a second attempt goes on from."""

from __future__ import annotations

import json
from functools import partial

import pytest

import luthier
from luthier.budget import run_within
from luthier.budget.clock import Clock
from luthier.budget.trials import JOURNAL
from luthier.errors import RecipeError, RunError
from luthier.runs import RunFolder
from tests.toys import FAMILY, toy_rows, toy_tree


class Ticks:
    """A clock that goes on by a little whenever it is read, however busy the machine is."""

    seconds = 0.0

    def __call__(self):
        self.seconds += 0.07
        return self.seconds


@pytest.fixture(scope="module", autouse=True)
def time_by_steps():
    """Count what a search does rather than seconds: its budget ends after as many looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_within, "Clock", partial(Clock, now=Ticks()))
        yield


@pytest.fixture(scope="module")
def make(tiny_model):
    def _make(task="text-classification", **sections):
        tree = toy_tree(task, tiny_model(FAMILY.get(task, "bert")), **sections)
        return {**tree, "data": {**tree["data"], "train": toy_rows(task)}}

    return _make


@pytest.fixture(scope="module")
def found(make, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "minutes"
    told = []
    recipe = make(baselines=["majority", "frozen-encoder"])
    result = luthier.run_within(recipe, minutes=0.6, out=folder, listeners=[told.append])
    return folder, result, told


def journal(folder) -> dict:
    return json.loads((folder / JOURNAL).read_text(encoding="utf-8"))


def test_the_best_by_validation_is_judged(found):
    folder, result, _ = found
    about = journal(folder)
    best = max(about["tried"], key=lambda one: one["score"] or -1)
    assert about["best"] == best["cell"]
    assert result.folder == str(folder / "best")
    assert set(result.scores) == {"fine-tuned", "majority", "frozen-encoder"}
    assert any("by accuracy" in sentence for sentence in result.told)
    assert RunFolder.open(folder / "best").require_finished()


def test_the_recipe_as_it_is_was_tried_and_is_not_better(found):
    tried = {one["name"]: one["score"] for one in journal(found[0])["tried"]}
    best = max(score for score in tried.values() if score is not None)
    assert tried["the recipe as it is"] <= best


def test_test_rows_of_others_are_not_predicted(found):
    folder, _, _ = found
    judged = {path.parent.name for path in (folder / "cells").glob("*/predictions.jsonl")}
    tried = journal(folder)["tried"]
    assert judged <= {tried[0]["cell"]}  # it was run to its end to learn what judging takes
    assert not [*(folder / "cells").glob("*/checkpoints/*"), *(folder / "cells").glob("*/model")]


def test_the_report_tells_of_the_search(found):
    page = (found[0] / "best" / "report.html").read_text(encoding="utf-8")
    assert "What 0.6 minutes bought" in page
    assert "the line the best so far" in page
    assert "knn" in page


def test_the_chosen_recipe_repeats_the_run(found, make, tmp_path):
    folder, result, _ = found
    rows = {"train": toy_rows("text-classification")}
    again = luthier.run(folder / "recipe.yaml", out=tmp_path / "again", data=rows)
    assert again.scores["fine-tuned"] == result.scores["fine-tuned"]


def test_a_search_that_was_stopped_goes_on(make, tmp_path):
    recipe, folder, seen = make(baselines=["majority"]), tmp_path / "minutes", []

    def stop(info):
        seen.append(info.message or "")
        if "trying the recipe" in seen[-1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        luthier.run_within(recipe, minutes=0.6, out=folder, listeners=[stop])
    before = journal(folder)
    result = luthier.run_within(recipe, minutes=0.6, out=folder)
    after = journal(folder)
    assert after["tried"][: len(before["tried"])] == before["tried"]
    assert after["spent"] > before["spent"]
    assert result.scores["fine-tuned"]["accuracy"].n == 27
    with pytest.raises(RunError, match="not empty"):
        luthier.run_within(recipe, minutes=0.6, out=folder)


def test_a_search_does_not_go_on_with_another_recipe(make, tmp_path):
    def stop(info):
        if (info.message or "").startswith("trying"):
            raise KeyboardInterrupt

    recipe = make(baselines=["majority"])
    with pytest.raises(KeyboardInterrupt):
        luthier.run_within(recipe, minutes=0.6, out=tmp_path / "one", listeners=[stop])
    with pytest.raises(RunError, match="another recipe"):
        luthier.run_within(recipe, ["training.seed=5"], minutes=0.6, out=tmp_path / "one")


@pytest.mark.parametrize("task", ["token-classification", "text-regression", "question-answering"])
def test_other_tasks_have_fewer_candidates(task, make, tmp_path):
    recipe = make(task, baselines=[])
    result = luthier.run_within(recipe, minutes=0.3, out=tmp_path / "minutes")
    assert len(journal(tmp_path / "minutes")["tried"]) >= 2
    assert result.scores["fine-tuned"]


def test_too_few_minutes_are_refused_before_they_are_overrun(make, tmp_path):
    recipe = make("token-classification", baselines=[])
    with pytest.raises(RecipeError, match="do not suffice") as caught:
        luthier.run_within(recipe, minutes=0.001, out=tmp_path / "minutes")
    assert "data.limit.train" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("data.split.validation=0", "validation rows"),
        ("data.split.n_folds=3", "folds are several"),
        ("training.eval_strategy=no", "validation scores"),
    ],
)
def test_recipes_that_give_nothing_to_choose_by_are_refused(change, match, make, tmp_path):
    with pytest.raises(RecipeError, match=match):
        luthier.run_within(make(), [change], minutes=1, out=tmp_path / "minutes")
