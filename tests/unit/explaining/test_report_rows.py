"""A run explains a few of its test rows for its report: the same ones, at a small cost."""

import json

import numpy as np
import pytest

import luthier
from luthier.errors import DataError
from luthier.explaining import report_rows
from luthier.explaining.explain import Answered
from luthier.explaining.report_rows import RIGHT, UNSURE, WRONG, choose, work_of_training
from luthier.records import Predictions, Rows, Target
from luthier.results import Mistake
from luthier.runs import RunFolder
from luthier.task_types.mistakes import mistaken_labels, mistaken_numbers
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "text-classification"


class Codec:
    """As much of a codec as choosing rows needs."""

    def __init__(self, kind):
        self.target = Target(kind, ("a", "b"))

    def mistakes(self, gold, said, rows):
        if self.target.kind == "number":
            return mistaken_numbers(gold, said)
        if self.target.kind == "single-label":
            return mistaken_labels(gold, said)
        return [Mistake(row, 1.0) for row in np.flatnonzero(gold != said.answers).tolist()]


def test_wrong_unsure_and_right_rows_come_in_turn_and_none_twice():
    p = np.array([0.9, 0.8, 0.51, 0.99, 0.7, 0.52])
    gold = np.array([1, 0, 1, 0, 1, 0])  # the first, the third and the fifth are wrong
    said = Predictions(np.zeros(6, dtype=int), np.stack([p, 1 - p], axis=1), None)
    rows = Rows.of({"text": [*"abcdef"]})
    chosen = choose(Codec("single-label"), gold, said, rows, 5)
    wanted = [(0, WRONG), (2, UNSURE), (3, RIGHT), (4, WRONG), (5, UNSURE)]
    assert [(one.row, one.why) for one in chosen] == wanted
    assert [one.mistake and one.mistake.size for one in chosen] == [0.9, None, None, 0.7, None]
    everything = choose(Codec("single-label"), gold, said, rows, 99)
    assert sorted(one.row for one in everything) == list(range(6))


@pytest.mark.parametrize(
    ("kind", "gold", "answers", "wanted"),
    [
        ("number", [1.0, 2.0, 3.0], [1.1, 5.0, 3.5], [(1, "far off"), (0, "close")]),
        ("tags", ["x", "y", "z"], ["x", "n", "n"], [(1, WRONG), (0, "right")]),
        ("text", ["x", "y", "z"], ["x", "n", "n"], [(0, ""), (1, "")]),
    ],
)
def test_rows_of_other_tasks_are_chosen_by_what_is_known_of_them(kind, gold, answers, wanted):
    said = Predictions(np.array(answers), None, None)
    rows = Rows.of({"text": [*"abc"]})
    chosen = choose(Codec(kind), np.array(gold), said, rows, 2)
    assert [(one.row, one.why) for one in chosen] == wanted


def test_the_work_of_a_training_follows_from_its_recipe(tiny_model):
    recipe, prepared = toy_problem(TASK, tiny_model("bert"))
    job, tokens = prepared.job, prepared.job.problem.items["train"].cost.sum()
    assert work_of_training(recipe, job, by_gradient=True) == 3 * 2 * tokens
    assert work_of_training(recipe, job, by_gradient=False) == tokens


def tree(model, n_rows=4, epochs=2, **sections):
    return toy_tree(
        TASK,
        model,
        baselines=[],
        evaluation={"explained_rows": n_rows},
        training={"num_train_epochs": epochs},
        **sections,
    )


def explained_in(run):
    found = [one for one in run.read_json("panels")["panels"] if one["kind"] == "explanations"]
    return found[0]["data"] if found else None


def made(tree, out):
    run = RunFolder(luthier.run(tree, out=out, data={"train": toy_rows(TASK)}).folder)
    return run.require_finished()


def test_a_run_shows_why_with_the_model_that_it_saved(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(report_rows, "SHARE", 10.0)
    run = made(tree(tiny_model("bert")), tmp_path / "run")
    found = explained_in(run)
    kept = {line["columns"]["text"]: line for line in run.read_predictions()}
    assert len(found["rows"]) == 4
    assert found["said"].startswith("4 test rows: ")
    for one in found["rows"]:
        (explained,) = one["explained"]
        line = kept[explained["texts"]["text"]]
        assert explained["predicted"] == line["predictions"]["fine-tuned"]["answer"]
        assert explained["gold"] == line["gold"]
        assert one["why"] in (WRONG, UNSURE, RIGHT)
        (again,) = luthier.load(run.path).explain(explained["texts"]["text"])
        values = [word["value"] for word in explained["words"]]
        assert values == pytest.approx(again.attribution.values, rel=0.05, abs=1e-4)
    html = run.report.read_text("utf-8")
    assert '<h2 id="explanations-heading">Why</h2>' in html
    assert html.count('class="row-why"') == 4


def test_explaining_stays_a_small_share_of_the_training(tiny_model, tmp_path, monkeypatch):
    few = explained_in(made(tree(tiny_model("bert"), 9, epochs=8), tmp_path / "few"))
    assert 0 < len(few["rows"]) < 9
    assert "4 % of the training" in few["said"]
    assert explained_in(made(tree(tiny_model("bert"), 9, epochs=0.1), tmp_path / "none")) is None


def test_none_is_asked_for_and_none_is_shown(tiny_model, tmp_path):
    run = made(tree(tiny_model("bert"), 0), tmp_path / "run")
    assert explained_in(run) is None
    assert "explanations-heading" not in run.report.read_text("utf-8")


def test_models_without_gradients_are_explained_by_occlusion(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(report_rows, "SHARE", 100.0)
    run = made(tree(tiny_model("bert"), 2, method={"name": "knn"}), tmp_path / "run")
    rows = explained_in(run)["rows"]
    assert {explained["by"] for one in rows for explained in one["explained"]} == {"occlusion"}


def test_what_cannot_be_explained_fails_no_run(tiny_model, tmp_path, monkeypatch):
    def refuse(self, decision, explainer):
        raise DataError("no word was read")

    monkeypatch.setattr(Answered, "explain", refuse)
    monkeypatch.setattr(report_rows, "SHARE", 10.0)
    assert explained_in(made(tree(tiny_model("bert")), tmp_path / "run")) is None


def test_the_same_run_explains_the_same_rows(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(report_rows, "SHARE", 10.0)
    first, again = (
        explained_in(made(tree(tiny_model("bert"), 3), tmp_path / name)) for name in ("a", "b")
    )
    assert json.dumps(first) == json.dumps(again)
