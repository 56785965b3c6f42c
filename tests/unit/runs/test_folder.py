"""A run folder writes whole files, reads them back, and never overwrites."""

import json
import os

import numpy as np
import pytest

from luthier.declarations import Panel
from luthier.errors import RecipeError, RunError
from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.results import Finding
from luthier.runs import RunFolder
from tests.packages import forget, install

RECIPE = Recipe.model_validate(
    {"model": "m", "task": "text-classification", "data": {"train": "x.csv"}}
)


def test_recipe_reads_back_equal(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    assert RunFolder.open(folder.path).recipe() == RECIPE


def test_unnamed_runs_get_the_next_free_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [RunFolder.create(None, RECIPE, name="reviews").path.as_posix() for _ in range(3)]
    assert made == ["runs/reviews", "runs/reviews-2", "runs/reviews-3"]


def test_a_full_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(RunError, match="nothing is ever overwritten"):
        RunFolder.create(tmp_path, RECIPE)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_folder_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        RunFolder.create(tmp_path / "file" / "run", RECIPE)


def test_opening_a_mistyped_run_names_the_nearest(tmp_path):
    RunFolder.create(tmp_path / "reviews", RECIPE)
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "reviewz")
    assert "reviews" in caught.value.hint


def test_opening_where_there_are_no_runs_says_how_to_make_one(tmp_path):
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "nothing")
    assert "luthier run" in caught.value.hint


def test_json_is_strict_about_numbers_that_are_not_finite(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    path = folder.write_json("scores", {"a": float("nan"), "b": np.float32(0.5), "c": np.arange(2)})
    assert json.loads(path.read_text()) == {"a": None, "b": 0.5, "c": [0, 1]}


def test_an_unknown_document_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(ValueError, match="No document"):
        RunFolder.create(tmp_path / "run", RECIPE).write_json("score", {})


def test_events_leave_out_what_is_unknown_and_survive_a_torn_line(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    folder.events.append(StepInfo("fine-tuning", 1, 10, loss=0.5))
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"phase": "fine-')
    (event,) = folder.events.read()
    assert event["loss"] == 0.5
    assert "scores" not in event


def test_predictions_read_back_in_order(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    folder.write_predictions({"index": i, "gold": "ä"} for i in range(3))
    assert [line["index"] for line in folder.read_predictions()] == [0, 1, 2]


def test_a_failed_run_says_why(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    folder.fail("The loss is not a number.", hint="training.learning_rate=1e-5")
    with pytest.raises(RunError, match="The loss is not a number"):
        folder.require_finished()
    folder.finish()
    assert folder.require_finished() is folder


def test_records_become_plain_json(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    folder.write_json("data", {"findings": [Finding("empty-text", "warning", "m", 1, ("a:1",))]})
    assert folder.read_json("data")["findings"][0]["places"] == ["a:1"]


@pytest.mark.parametrize("name", ["../away", "a/b", "", "..", "nul"])
def test_a_name_that_leads_out_of_the_runs_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="one folder below runs/"):
        RunFolder.create(None, RECIPE, name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"kind": 1}', "[1]", "null"])
def test_a_damaged_target_is_named(tmp_path, content):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    (run.path / "target.json").write_text(content)
    with pytest.raises(RunError, match=r"target\.json of this run cannot be read") as caught:
        run.target()
    assert str(run.path / "target.json") in caught.value.received


def test_a_damaged_line_is_told_with_its_file(tmp_path):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    (run.path / "predictions.jsonl").write_text("{\n")
    with pytest.raises(RunError, match=r"predictions\.jsonl of this run"):
        list(run.read_predictions())


@pytest.mark.parametrize("document", ["status", "attempts"])
@pytest.mark.parametrize("content", ["[1]", '{"sta', "", '{"state": "finishec", "attempts": 3}'])
def test_a_damaged_status_is_named_and_begun_anew(tmp_path, document, content):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    (run.path / f"{document}.json").write_text(content)
    with pytest.raises(RunError) as caught:
        getattr(run, {"status": "state"}.get(document, document))()
    assert f"{document}.json" in caught.value.received
    assert run.reached != "finished"
    run.begin(RECIPE)
    assert run.state()["state"] == "running"
    assert len(run.attempts()) == (2 if document == "status" else 1)


def test_a_strangers_recipe_makes_no_objects(tmp_path):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    (run.path / "recipe.yaml").write_text("model: !!python/object/apply:os.system [ls]")
    with pytest.raises(RecipeError, match="may not contain tags"):
        run.recipe()


def test_writing_follows_no_link(tmp_path):
    run = RunFolder.create(tmp_path / "run", RECIPE)
    (tmp_path / "secret").write_text("secret")
    for name in ("report.html", f"report.html.tmp-{os.getpid()}"):
        (run.path / name).symlink_to(tmp_path / "secret")
    run.write_text("report.html", "a page")
    assert (tmp_path / "secret").read_text() == "secret"
    assert run.report.read_text() == "a page"


def test_a_plugin_declares_its_own_document(tmp_path, monkeypatch):
    source = 'OWN = {"rejected-rows": "rows that were not learned from"}\n'
    source += 'class Task:\n    documents = {"word-counts": "how often each word occurs"}\n'
    points = {"documents": {"own": "OWN"}, "tasks": {"own": "Task"}}
    install(tmp_path / "site", monkeypatch, source, **points)
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    for name in ("rejected-rows", "word-counts"):
        assert folder.read_json(name) is None
        folder.write_json(name, {"n": 3})
        assert folder.read_json(name) == {"n": 3}
    with pytest.raises(ValueError, match="No document of a run is called 'others'"):
        folder.write_json("others", {})
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("name", ["../away", "a/b", "", "Upper"])
def test_a_document_stays_in_its_folder(tmp_path, name):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    with pytest.raises(ValueError, match="is no name of a document"):
        folder.read_json(name)
    with pytest.raises(ValueError, match="document"):
        folder.write_json(name, {})


def test_documents_and_keys_are_read_by_their_former_names_with_one_line(tmp_path, caplog):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    (folder.path / "calibration.json").write_text('{"fine-tuning": {"threads": 2}}')
    folder.write_json("comparison", {"watched_metric": "perplexity"})
    for _ in range(2):
        assert folder.read_json("autotune") == {"fine-tuning": {"threads": 2}}
        assert folder.read_json("comparison") == {"validation_metric": "perplexity"}
    first, second = (record.getMessage() for record in caplog.records)
    assert "calibration.json is now called autotune.json" in first
    assert "'watched_metric' is now called 'validation_metric'" in second
    assert "\n" not in first + second
    folder.write_json("autotune", {})
    assert folder.read_json("autotune") == {}


def test_any_plugin_adds_panels_once(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    for n in (1, 2):
        folder.add_panels([Panel("word-clouds", "Of a method", {"n": n})])
    folder.add_panels([Panel("confusion", "", np.eye(2)), Panel("word-clouds", "Others", [])])
    found = [(one["heading"], one["data"]) for one in folder.read_json("panels")["panels"]]
    assert found == [("", [[1.0, 0.0], [0.0, 1.0]]), ("Others", []), ("Of a method", {"n": 2})]
