"""The models of all folds answer together, are judged on rows none saw, and teach one model."""

import json
import shutil

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, RecipeError, RunError
from luthier.metrics.softmax import softmax
from luthier.prediction.ensemble import Ensemble
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.studies.fold_ensemble import DISTILLED, ENSEMBLE, SINGLE
from tests.torture.trial import file_hash
from tests.toys import given_for, toy_rows, toy_tree, write_csv

TASK = "text-classification"
IGNORED = {"data": {"ignore_findings": ["near-duplicates"]}}


def tree(tiny_model, task=TASK, **sections):
    sections = {
        "training": {"num_train_epochs": 2},
        "baselines": ["majority"],
        **IGNORED,
    } | sections
    if task == "text-regression":
        sections["baselines"] = ["mean-value"]
    if task == "token-classification":
        sections["baselines"] = ["most-frequent-tag"]
    return toy_tree(task, tiny_model("bert"), **sections)


def make(recipe, out, task=TASK, **options):
    options = {"n_folds": 3, "ensemble": True, **options}
    return luthier.folds(recipe, out=out, data={"train": toy_rows(task).columns}, **options)


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("ensemble") / "out"
    seen = []
    return make(tree(tiny_model), out, distil=True, listeners=[seen.append]), out, seen


def lines(folder):
    return list(RunFolder(folder).read_predictions())


def test_no_fold_has_a_row_of_the_test_set_and_every_other_row_is_judged_once(made):
    _, out, _ = made
    test = {line["where"] for line in lines(out / "single")}
    judged = [line["where"] for line in lines(out)]
    assert len(judged) == len(set(judged)) == len(toy_rows(TASK)) - len(test)
    assert not test & set(judged)


def test_out_of_fold_scores_are_one_estimate(made):
    found, out, _ = made
    score = found.out_of_fold["fine-tuned"]["accuracy"]
    right = [line["predictions"]["fine-tuned"]["answer"] == line["gold"] for line in lines(out)]
    assert score.n == len(right)
    assert score.value == pytest.approx(np.mean(right))
    assert "one estimate over" in found.told[0]


def test_the_ensemble_averages_calibrated_probabilities(made):
    found, out, _ = made
    texts = ["a sunny day", "the team won the match"]
    asked = luthier.load(out)
    assert isinstance(asked, Ensemble)
    rows = Rows.of({"text": texts})
    shares = []
    for fold, temperature in enumerate(found.temperatures):
        member = luthier.load(out / "folds" / f"fold-{fold}")
        assert member.target.names == asked.target.names
        shares.append(softmax(member.outputs(rows) / temperature))
    assert asked.predict(rows).probabilities == pytest.approx(np.mean(shares, axis=0), abs=1e-6)
    said = asked(texts, top_k=None)
    assert sum(one["score"] for one in said[0]) == pytest.approx(1, abs=1e-6)


def test_temperatures_lower_the_log_loss_of_held_out_rows(made):
    found, out, _ = made
    assert len(found.temperatures) == 3
    for fold, temperature in enumerate(found.temperatures):
        own = lines(out / "folds" / f"fold-{fold}")
        names = RunFolder(out).target().names
        gold = [names.index(line["gold"]) for line in own]
        shares = np.array([line["predictions"]["fine-tuned"]["probabilities"] for line in own])

        def loss(divisor, shares=shares, gold=gold):
            calm = softmax(np.log(np.maximum(shares, 1e-12)) / divisor)
            return -np.log(calm[np.arange(len(gold)), gold]).mean()

        assert temperature >= 0.5
        assert loss(temperature) <= loss(1.0) + 1e-6
        if temperature > 0.56:
            assert loss(temperature) <= min(loss(0.9 * temperature), loss(1.1 * temperature)) + 1e-6


def test_all_are_judged_on_the_same_test_rows_and_compared_in_pairs(made):
    found, out, _ = made
    assert set(found.test) == {ENSEMBLE, SINGLE, DISTILLED, "majority"}
    n_test = len(lines(out / "single"))
    assert {scores["accuracy"].n for scores in found.test.values()} == {n_test}
    pairs = {(one.system, one.baseline) for one in found.comparisons}
    assert {(ENSEMBLE, SINGLE), (ENSEMBLE, DISTILLED), (DISTILLED, SINGLE)} <= pairs
    single = json.loads((out / "single" / "scores.json").read_text())["fine-tuned"]["accuracy"]
    assert found.test[SINGLE]["accuracy"].value == pytest.approx(single["value"])


def test_the_report_and_a_document_say_what_came_out(made):
    found, out, seen = made
    page = (out / "report.html").read_text("utf-8")
    assert "The ensemble on the test set" in page
    assert found.comparisons[0].verdict.split(" (")[0][:40] in page.replace("&#39;", "'")
    document = json.loads((out / "ensemble.json").read_text())
    assert [one["folder"] for one in document["members"]] == [f"folds/fold-{n}" for n in range(3)]
    assert RunFolder(out).require_finished()
    assert [step.n_steps for step in seen if step.phase == "calibrating"] == [3, 3, 3]


def test_the_distilled_model_is_one_plain_checkpoint_taught_by_models_that_did_not_see_a_row(made):
    _, out, _ = made
    assert (out / "distilled" / "model" / "model.safetensors").is_file()
    soft = json.loads((out / "soft_labels.json").read_text())
    trained = RunFolder(out / "distilled").read_json("data")["splits"]["train"]["rows"]
    assert trained <= len(soft["outputs"]) <= len(lines(out))
    assert file_hash(out / "distilled" / "model" / "model.safetensors") != file_hash(
        out / "single" / "model" / "model.safetensors"
    )


def test_what_needs_one_model_is_refused_by_an_ensemble(made):
    _, out, _ = made
    with pytest.raises(RunError, match="ensemble of 3 models") as caught:
        luthier.load(out).explain("a sunny day")
    assert "--distil" in str(caught.value.hint)
    with pytest.raises(RunError):
        luthier.export(out, out.parent / "exported")


def test_an_ensemble_is_asked_and_scored_from_the_command_line(made, tmp_path):
    _, out, _ = made
    file = write_csv(toy_rows(TASK), tmp_path / "rows.csv")
    runner = CliRunner()
    said = runner.invoke(app, ["predict", str(out), "a sunny day", "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["label"] in RunFolder(out).target().names
    said = runner.invoke(app, ["evaluate", str(out), "--data", str(file), "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["rows"] == len(toy_rows(TASK))


def test_an_ensemble_is_rounded_model_by_model(made):
    _, out, _ = made
    whole, rows = luthier.load(out), Rows.of({"text": ["a sunny day", "the team won"]})
    found = whole.rounded("bf16").predict(rows).probabilities
    assert found == pytest.approx(whole.predict(rows).probabilities, abs=0.05)
    assert not np.array_equal(found, whole.predict(rows).probabilities)


def test_a_damaged_ensemble_says_so(made, tmp_path):
    _, out, _ = made
    shutil.copytree(out, tmp_path / "copy")
    (tmp_path / "copy" / "ensemble.json").write_text('{"members": 3}')
    with pytest.raises(RunError):
        luthier.load(tmp_path / "copy")


def test_what_was_interrupted_is_resumed_to_the_same_end(tiny_model, tmp_path):
    recipe = tree(tiny_model, training={"num_train_epochs": 1})

    def stop(info):
        if info.phase == "calibrating" and info.step == 2:
            raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        make(recipe, tmp_path / "cut", listeners=[stop])
    again = []
    cut = make(recipe, tmp_path / "cut", listeners=[again.append])
    assert not [step for step in again if step.phase == "fine-tuning"]
    whole = make(recipe, tmp_path / "whole")
    assert cut.test == whole.test
    assert cut.temperatures == whole.temperatures


@pytest.mark.parametrize(
    "task",
    [
        "multi-label-classification",
        "text-regression",
        "pair-classification",
        "pair-regression",
        "token-classification",
    ],
)
def test_every_task_whose_answers_have_a_mean_makes_an_ensemble(tiny_model, tmp_path, task):
    recipe = tree(tiny_model, task, training={"num_train_epochs": 1})
    if "pair-classification" in task or "multi" in task:
        recipe["baselines"] = ["majority"]
    if task == "pair-regression":
        recipe["baselines"] = ["mean-value"]
    found = make(recipe, tmp_path / "out", task, n_folds=2, distil=task != "token-classification")
    assert ENSEMBLE in found.test
    assert all(np.isfinite(one.value) for one in found.test[ENSEMBLE].values())
    asked = luthier.load(tmp_path / "out")
    test = asked.task.toy_rows()
    assert len(list(asked.answers(test))) == len(test)
    if task == "text-regression":
        members = [luthier.load(tmp_path / "out" / "folds" / f"fold-{n}") for n in range(2)]
        numbers = [one.predict(test).answers for one in members]
        assert asked.predict(test).answers == pytest.approx(np.mean(numbers, axis=0), rel=1e-4)


def test_the_command_says_what_the_function_gives(tiny_model, tmp_path):
    recipe = tree(tiny_model, training={"num_train_epochs": 1})
    recipe["data"]["train"] = str(write_csv(toy_rows(TASK), tmp_path / "rows.csv"))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    words = [*words_of(path), "--ensemble", "--distil"]
    runner = CliRunner()
    said = runner.invoke(app, [*words, "--out", str(tmp_path / "a"), "--json"])
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    found = luthier.folds(path, n_folds=2, distil=True, out=tmp_path / "b")
    assert document["temperatures"] == list(found.temperatures)
    for system, scores in found.test.items():
        assert document["test"][system]["accuracy"]["value"] == scores["accuracy"].value
    shown = runner.invoke(app, [*words, "--out", str(tmp_path / "a")])
    assert shown.exit_code == 0, shown.output
    for one in (
        "the ensemble is better by",
        "distilled model: ",
        "one estimate",
        "luthier predict",
    ):
        assert one in shown.output
    plain = runner.invoke(app, [*words_of(path), "--out", str(tmp_path / "c")])
    assert plain.exit_code == 0, plain.output
    assert "one estimate" in plain.output


def words_of(path):
    return ["folds", str(path), "--folds", "2", "-q"]


def test_folds_without_an_ensemble_are_a_cross_validation_beside_a_test_set(tiny_model, tmp_path):
    found = make(
        tree(tiny_model, training={"num_train_epochs": 1}), tmp_path / "out", ensemble=False
    )
    assert found.test == {}
    assert not (tmp_path / "out" / "single").exists()
    with pytest.raises(RunError, match="cross-validation"):
        luthier.load(tmp_path / "out")


def test_what_a_student_cannot_take_is_left_to_the_folds(tiny_model, tmp_path):
    recipe = tree(
        tiny_model,
        training={"num_train_epochs": 1},
        method={"name": "self-training", "options": {"threshold": 0.3, "rounds": 1}},
        augmentation=[],
    )
    found = luthier.folds(
        recipe,
        n_folds=2,
        distil=True,
        out=tmp_path / "out",
        data=given_for("self-training", TASK),
    )
    assert {DISTILLED, ENSEMBLE, "labelled-rows-alone"} <= set(found.test)
    plain = tree(tiny_model, training={"num_train_epochs": 1}, augmentation=["eda"])
    assert DISTILLED in make(plain, tmp_path / "other", n_folds=2, distil=True).test


def test_what_has_no_mean_is_refused_by_name(tiny_model, tmp_path):
    recipe = toy_tree("question-answering", tiny_model("bert"))
    with pytest.raises(RecipeError, match="question-answering cannot be averaged") as caught:
        make(recipe, tmp_path / "out", "question-answering")
    assert "text-classification" in caught.value.hint
    recipe = tree(tiny_model, "token-classification", options={"crf": True})
    with pytest.raises(RecipeError, match="cannot be averaged") as caught:
        make(recipe, tmp_path / "out", "token-classification")
    assert caught.value.hint == "task.options.crf=false"
    with pytest.raises(RecipeError, match="can be distilled"):
        make(
            tree(tiny_model, "token-classification"),
            tmp_path / "out",
            "token-classification",
            distil=True,
        )
    folded = tree(tiny_model, data={"split": {"n_folds": 3}})
    with pytest.raises(RecipeError, match="given once"):
        make(folded, tmp_path / "out")
    with pytest.raises(RecipeError, match="two folds"):
        make(tree(tiny_model), tmp_path / "out", n_folds=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", "no file of soft labels"),
        ('{"names": ["a", "b"], "outputs": {}}', "other labels"),
        (None, "have no soft labels"),
    ],
)
def test_a_file_of_soft_labels_that_does_not_fit_is_refused(tiny_model, tmp_path, content, words):
    path = tmp_path / "soft.json"
    names = sorted(set(toy_rows(TASK)["label"]))
    path.write_text(content or json.dumps({"names": names, "outputs": {}}))
    method = {"name": "distillation", "options": {"soft_labels": str(path)}}
    with pytest.raises(DataError, match=words) as caught:
        luthier.run(
            tree(tiny_model, method=method), out=tmp_path / "run", data={"train": toy_rows(TASK)}
        )
    assert "luthier folds" in caught.value.hint or "same labels" in caught.value.hint


def test_soft_labels_and_a_teacher_exclude_each_other(tiny_model, tmp_path):
    options = {"soft_labels": "soft.json", "teacher": "runs/a"}
    recipe = tree(tiny_model, method={"name": "distillation", "options": options})
    with pytest.raises(RecipeError, match="take the place of a teacher"):
        luthier.run(recipe, out=tmp_path / "run", data={"train": toy_rows(TASK)})
