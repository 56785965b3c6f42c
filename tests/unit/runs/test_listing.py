"""Every run in a folder is listed, whatever became of it; only run folders are deleted."""

import json
import os
import shutil

import pytest

from luthier.errors import RunError
from luthier.runs import RunFolder
from luthier.runs.listing import delete_runs, list_runs
from tests.unit.report.fake_run import fake_run


@pytest.fixture
def runs(tmp_path):
    """Make a folder with a finished run."""
    (tmp_path / "runs").mkdir()
    fake_run(tmp_path / "runs" / "one")
    return tmp_path / "runs"


def change(folder, document, content):
    (folder / f"{document}.json").write_text(json.dumps(content))
    return folder


def test_a_finished_run_is_listed_with_its_score_and_size(runs):
    (run,) = list_runs(runs)
    assert (run.name, run.state, run.reason) == ("one", "finished", None)
    assert (run.task, run.model, run.method) == ("text-classification", "tiny/bert", "full")
    assert (run.metric, run.score.value, run.score.n) == ("accuracy", 0.8, 300)
    files = [path for path in (runs / "one").rglob("*") if path.is_file()]
    assert run.n_bytes == sum(path.stat().st_size for path in files)


def test_newer_runs_stand_first_and_a_run_itself_may_be_given(runs):
    newer = shutil.copytree(runs / "one", runs / "two")
    change(newer, "attempts", {"attempts": [{"started": "2999-01-01 00:00:00"}]})
    assert [run.name for run in list_runs(runs)] == ["two", "one"]
    assert [run.name for run in list_runs([runs / "one", runs])] == ["two", "one"]
    assert [run.name for run in list_runs(runs / "one")] == ["one"]


@pytest.mark.parametrize(
    ("written", "state", "reason"),
    [
        ({"state": "failed", "reason": "the loss is not a number"}, "failed", "the loss is not"),
        ({"state": "interrupted", "reason": "Stopped."}, "interrupted", "Stopped."),
        ({"state": "running", "started": 1.0}, "interrupted", None),  # it was killed
        (["not", "a", "status"], "unreadable", None),
    ],
)
def test_unfinished_runs_say_how_they_ended(runs, written, state, reason):
    change(runs / "one", "status", written)
    (run,) = list_runs(runs)
    assert run.state == state
    assert (run.reason or "").startswith(reason or "")


def test_a_run_that_a_process_is_writing_is_running_and_stays(runs):
    run = RunFolder.owned(change(runs / "one", "status", {"state": "running"}))
    assert list_runs(runs)[0].state == "running"
    with pytest.raises(RunError, match="is running"):
        delete_runs([runs / "one"])
    run.lock.release()
    assert list_runs(runs)[0].state == "interrupted"


@pytest.mark.parametrize("name", ["recipe.yaml", "status.json"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"{", b"[" * 5000, b"a: 1"])
def test_a_damaged_run_is_listed_with_what_can_be_read(runs, name, content):
    (runs / "one" / name).write_bytes(content)
    (run,) = list_runs(runs)
    assert run.state == "unreadable"
    assert run.reason
    assert run.score.value == 0.8
    assert (run.task is None) == (name == "recipe.yaml")


def test_a_run_of_another_version_is_named_as_one(runs):
    folder = change(runs / "one", "environment", {"luthier": "9.0.0"})
    assert list_runs(runs)[0].state == "finished"
    with (folder / "recipe.yaml").open("a") as recipe:
        recipe.write("hyperspace: {engine: warp}\n")
    (run,) = list_runs(runs)
    assert (run.state, run.reason[:24]) == ("unreadable", "written by Luthier 9.0.0")


@pytest.mark.parametrize("document", ["scores", "comparison", "environment", "attempts"])
@pytest.mark.parametrize("content", [None, [], {}, {"main_metric": 1, "system": []}, "x"])
def test_a_document_of_another_shape_is_no_trouble(runs, document, content):
    change(runs / "one", document, content)
    (run,) = list_runs(runs)
    assert run.state == "finished"


def test_what_is_no_run_is_not_listed(runs):
    (runs / "notes").mkdir()
    (runs / "notes" / "recipe.yaml").write_text("model: m")
    (runs / "file").write_text("x")
    (runs / "link").symlink_to(runs / "one")
    (runs / "a-loop").symlink_to(runs / "a-loop")
    assert [run.folder for run in list_runs(runs)] == [str(runs / "one")]


def test_the_usual_folder_need_not_exist_but_one_that_is_named_must(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list_runs() == ()
    with pytest.raises(RunError, match="no such folder"):
        list_runs("else")


def test_runs_are_deleted(runs):
    shutil.copytree(runs / "one", runs / "two")
    (runs / "two" / "checkpoints" / "fine-tuning").mkdir(parents=True)
    size = list_runs(runs / "one")[0].n_bytes
    assert delete_runs([runs / "one", runs / "two", runs / "one"]) >= 2 * size
    assert list(runs.iterdir()) == []


def test_a_folder_that_is_no_run_is_not_deleted(runs, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "recipe.yaml").write_text("model: m")
    for folder in (project, runs, runs / "one" / "model", tmp_path / "nothing"):
        with pytest.raises(RunError, match="not a run folder"):
            delete_runs([runs / "one", folder])
    assert (project / "recipe.yaml").exists()
    assert (runs / "one" / "recipe.yaml").exists()


def test_a_run_folder_with_files_of_the_users_own_is_not_deleted(runs):
    (runs / "one" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="files that no run writes"):
        delete_runs([runs / "one"])
    assert (runs / "one" / "notes.txt").exists()


def test_nothing_is_deleted_through_a_link(runs, tmp_path):
    (runs / "link").symlink_to(runs / "one")
    with pytest.raises(RunError, match="This is a link"):
        delete_runs([runs / "link"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    shutil.rmtree(runs / "one" / "model")
    (runs / "one" / "model").symlink_to(elsewhere)
    delete_runs([runs / "one"])
    assert (elsewhere / "kept").exists()
    assert not (runs / "one").exists()


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_run_of_somebody_else_is_listed(runs):
    change(runs / "one", "status", {"state": "running"})
    (runs / "one" / ".lock").touch()
    (runs / "one" / ".lock").chmod(0o400)
    assert list_runs(runs)[0].state == "interrupted"
