"""A study that chooses its trials: by validation scores alone, and the same when resumed."""

import json

import pytest

import luthier
from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.studies.outcomes import read_outcome, validation_scores
from luthier.studies.plan import Plan
from luthier.studies.runner import run_study, run_trials
from luthier.studies.trial import Trial
from tests.toys import toy_rows, write_csv


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    """Make a recipe with validation rows in a file of their own."""
    folder = tmp_path_factory.mktemp("search")
    for name in ("train", "validation", "test"):
        write_csv(toy_rows("text-classification"), folder / f"{name}.csv")
    return read_recipe(
        {
            "model": str(tiny_model("bert")),
            "task": "text-classification",
            "data": {
                "train": str(folder / "train.csv"),
                "validation": str(folder / "validation.csv"),
                "test": str(folder / "test.csv"),
                "ignore_findings": ["duplicate-across-splits"],
                "limit": {"train": 40},
            },
            "training": {"num_train_epochs": 2, "metric_for_best_model": "accuracy"},
            "baselines": ["majority"],
            "evaluation": {"n_resamples": 100},
        }
    )


class Doubling:
    """Double the learning rate for as long as that helps on validation."""

    name, metric, confidence, unit, notes, n_trials = "doubling", "accuracy", 0.95, "", (), None

    def __init__(self, recipe, most=3):
        self.recipe, self.most = recipe, most
        self.told = []

    def ask(self):
        """Give the next rate."""
        if len(self.told) == self.most:
            return None
        best = max(self.told, key=lambda one: one[1].validation["accuracy"], default=None)
        rate = 1e-3 if best is None else 2 * best[0].recipe.training.learning_rate
        made = read_recipe(self.recipe, [f"training.learning_rate={rate}"])
        return Trial(f"trial{len(self.told)}", "", 0, made)

    def tell(self, trial, outcome):
        """Remember what came of it."""
        self.told.append((trial, outcome))


def test_a_search_sees_validation_scores_and_costs_and_no_test_score(recipe, tmp_path):
    study, seen = Doubling(recipe), []
    run_study(study, tmp_path, on_trial=lambda *news: seen.append(news[-1]))
    for _, outcome in study.told:
        assert 0 <= outcome.validation["accuracy"] <= 1
        assert outcome.cost.seconds > 0
        assert outcome.cost.trained == outcome.cost.parameters > 0
        assert outcome.cost.bytes > 0
        assert outcome.test == {}
        assert outcome.failure is None
    shown = [outcome for outcome in seen if outcome is not None]
    scores = RunFolder(tmp_path / "cells" / "trial0-seed0").read_json("scores")["fine-tuned"]
    assert shown[0].test["accuracy"].value == scores["accuracy"]["value"]
    assert shown[0].validation == study.told[0][1].validation
    found = json.loads((tmp_path / "study.json").read_text())
    assert found["arms"] == ["trial0", "majority", "trial1", "trial2"]
    assert "folder" not in found


def test_a_search_that_was_stopped_asks_for_the_same_trials(recipe, tmp_path):
    whole, stopped, resumed = Doubling(recipe), Doubling(recipe), Doubling(recipe)
    run_trials(whole, tmp_path / "whole")

    def stop(study, number, trial, outcome):
        if number == 2 and outcome is None:
            raise Interrupted

    with pytest.raises(Interrupted):
        run_trials(stopped, tmp_path / "stopped", on_trial=stop)
    assert [trial for trial, _ in stopped.told] == [whole.told[0][0]]
    run_trials(resumed, tmp_path / "stopped")
    assert [trial for trial, _ in resumed.told] == [trial for trial, _ in whole.told]
    assert [one.validation for _, one in resumed.told] == [one.validation for _, one in whole.told]


@pytest.mark.parametrize("keep_best", [True, False])
def test_validation_scores_are_those_of_the_weights_that_were_kept(keep_best, recipe, tmp_path):
    rising_and_falling = [
        "training.learning_rate=0.015",
        "training.num_train_epochs=8",
        f"training.load_best_model_at_end={keep_best}",
    ]
    done = luthier.run(recipe, rising_and_falling, out=tmp_path / "run")
    run = RunFolder(done.folder)
    told = read_outcome(run).validation["accuracy"]
    on_the_way = [event["scores"]["accuracy"] for event in run.events.read() if "scores" in event]
    assert told == (max(on_the_way) if keep_best else on_the_way[-1])
    assert max(on_the_way) > on_the_way[-1]  # or nothing would be shown here
    _, scores = luthier.load(done.folder).evaluate(recipe.data.validation)
    assert told == scores["accuracy"].value


def test_scores_of_a_trained_baseline_are_not_the_models(recipe, tmp_path):
    done = luthier.run(
        recipe, ["method=prototypes", "baselines=[from-scratch]"], out=tmp_path / "r"
    )
    events = [one for one in RunFolder(done.folder).events.read() if "scores" in one]
    assert events[-1]["phase"] == "baseline from-scratch"
    assert validation_scores(RunFolder(done.folder)) == events[0]["scores"]


def test_without_validation_rows_there_are_no_validation_scores(recipe, tmp_path):
    done = luthier.run(recipe, ["training.eval_strategy=no"], out=tmp_path / "run")
    outcome = read_outcome(RunFolder(done.folder))
    assert outcome.validation == {}
    assert outcome.test["accuracy"].n == len(toy_rows("text-classification"))
    assert outcome.without_test().test == {}


def test_a_study_that_asks_for_nothing_says_so(tmp_path):
    ended = Doubling(None, most=0)
    results = run_study(ended, tmp_path / "new")
    assert results.lines == ()
    assert "Nothing was finished." in (tmp_path / "new" / "report.html").read_text()


def test_a_plan_without_trials_is_refused():
    with pytest.raises(RecipeError, match="at least one run"):
        Plan("empty", [], notes=[])
