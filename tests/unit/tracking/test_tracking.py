"""Trackers get each number of a run once, whenever and however often they look."""

import json
import os
import signal
import struct
import subprocess
import sys

import pytest

from luthier.errors import ArgumentError, LuthierError, RecipeError, RunError
from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.runs import RunFolder
from luthier.tracking.follow import track
from luthier.tracking.numbers import numbers_of

BLOCK = 32768  # bytes of a block of LevelDB's logs
RECIPE = Recipe.model_validate(
    {"model": "m", "task": "text-classification", "data": {"train": "/home/ada/secret/x.csv"}}
)


@pytest.fixture
def folder(tmp_path):
    """A run that goes on."""
    made = RunFolder.create(tmp_path / "my run", RECIPE)
    add(made, range(1, 4))
    return made


def add(folder, steps, *, phase="fine-tuning"):
    for step in steps:
        scores = {"F1 (macro)": step / 10} if step % 2 == 0 else None
        folder.events.append(StepInfo(phase, step, 9, loss=1 / step, scores=scores))


def scalars(folder):
    """Read everything that TensorBoard has, in the order of its files."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found = []
    for file in sorted((folder.path / "tensorboard").glob("events.*")):
        for event in LegacyEventFileLoader(str(file)).Load():
            found += [(one.tag, event.step, one.simple_value) for one in event.summary.value]
    return found


def of_run(folder):
    return [(one.series, one.step, pytest.approx(one.value)) for one in numbers_of(folder)]


def test_tensorboard_has_every_number_once_however_often_it_is_told(folder):
    pytest.importorskip("tensorboard")
    _, n = track(folder.path, "tensorboard")
    assert ("fine-tuning/F1 _macro_", 2, pytest.approx(0.2)) in scalars(folder)
    assert scalars(folder) == of_run(folder)
    assert n == len(scalars(folder)) > 0
    assert track(folder.path, "tensorboard")[1] == 0
    add(folder, range(4, 8))
    track(folder.path, "tensorboard")
    assert scalars(folder) == of_run(folder)


def test_steps_that_a_resumed_run_repeats_are_told_once(folder):
    pytest.importorskip("tensorboard")
    track(folder.path, "tensorboard")
    before = scalars(folder)
    lines = folder.events.path.read_text("utf-8").splitlines(keepends=True)
    folder.events.path.write_text(lines[0], encoding="utf-8")  # resumed from step 1
    add(folder, [2])
    assert track(folder.path, "tensorboard")[1] == 0
    add(folder, [3, 4])
    track(folder.path, "tensorboard")
    assert scalars(folder)[: len(before)] == before
    assert [one for one in scalars(folder) if one[0].endswith("loss")] == [
        ("fine-tuning/loss", step, pytest.approx(1 / step)) for step in range(1, 5)
    ]


def test_a_tracker_that_was_killed_while_it_wrote_goes_on(folder):
    pytest.importorskip("tensorboard")
    track(folder.path, "tensorboard")
    (file,) = (folder.path / "tensorboard").glob("events.*")
    os.truncate(file, file.stat().st_size - 5)  # the last record is cut
    track(folder.path, "tensorboard")
    assert sorted(map(str, scalars(folder))) == sorted(map(str, scalars(folder)))
    assert {one[:2] for one in scalars(folder)} == {one[:2] for one in of_run(folder)}
    assert len(scalars(folder)) == len(of_run(folder))


def test_a_finished_run_brings_its_test_scores_and_stays_as_it_was_sealed(tiny_run):
    pytest.importorskip("tensorboard")
    folder = RunFolder.open(tiny_run)
    track(folder.path, "tensorboard")
    folder.require_finished()
    scores = folder.read_json("scores")
    for system in scores:
        value = pytest.approx(scores[system]["accuracy"]["value"])
        assert (f"test {system}/accuracy", 0, value) in scalars(folder)
    assert len(scalars(folder)) == len(of_run(folder))


@pytest.fixture
def tiny_run(tiny_model, tmp_path):
    import luthier
    from tests.toys import toy_rows, toy_tree

    tree = toy_tree("text-classification", tiny_model("bert"), baselines=["majority"])
    out = tmp_path / "run"
    luthier.run(tree, out=out, data={"train": toy_rows("text-classification")})
    assert not (out / "tensorboard").exists()  # a training knows no tracker
    return out


def test_following_ends_with_the_run_and_can_be_killed_and_gone_on_with(folder):
    pytest.importorskip("tensorboard")
    words = [sys.executable, "-m", "luthier", "track", str(folder.path), "--follow"]
    for steps in (range(4, 6), range(6, 8)):
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "numbers" in child.stderr.readline()  # what there was
        add(folder, steps)
        assert "numbers" in child.stderr.readline()
        with pytest.raises(RunError, match="Another process is tracking"):
            track(folder.path, "tensorboard")
        child.send_signal(signal.SIGKILL)
        child.communicate()
        add(folder, [steps.stop + 10], phase=f"later {steps.stop}")
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "numbers" in child.stderr.readline()
    folder.lock.release()
    assert child.wait(timeout=20) == 0
    child.communicate()
    assert len({one[:2] for one in scalars(folder)}) == len(scalars(folder)) == len(of_run(folder))


@pytest.mark.parametrize(
    ("to", "options", "kind", "words"),
    [
        ("tensorbord", {}, ArgumentError, "tensorboard"),
        ("tensorboard", {"online": True}, ArgumentError, "leave out --online"),
    ],
)
def test_what_cannot_be_told_is_refused(to, options, kind, words, folder):
    with pytest.raises(kind, match=words):
        track(folder.path, to, **options)


def test_what_is_no_run_is_refused_and_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(LuthierError, match="photos"):
        track(tmp_path / "photos", "tensorboard")
    assert [*(tmp_path / "photos").iterdir()] == []


@pytest.mark.parametrize("to", ["tensorboard", "mlflow", "wandb"])
def test_a_library_that_is_missing_is_named(to, folder, monkeypatch):
    for name in ("tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
        for known in [one for one in sys.modules if one.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, known)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RecipeError, match=rf"(?s)not installed.*{to}\]"):
        track(folder.path, to)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own database
def test_mlflow_has_every_number_once_and_no_folder_of_this_machine(folder, monkeypatch):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _, n = track(folder.path, "mlflow")
    add(folder, range(4, 6))
    _, more = track(folder.path, "mlflow")
    assert track(folder.path, "mlflow")[1] == 0
    client = MlflowClient(tracking_uri=f"sqlite:///{folder.path}/tracking/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("luthier")
    (run,) = client.search_runs([experiment.experiment_id])
    found = [
        (name, one.step, one.value)
        for name in run.data.metrics
        for one in client.get_metric_history(run.info.run_id, name)
    ]
    assert len(found) == n + more
    assert sorted(found) == sorted((a, b, c.expected) for a, b, c in of_run(folder))
    assert run.info.run_name == "my run"
    assert run.info.status == "RUNNING"
    assert run.data.params["data.train"] == "x.csv"


def test_mlflow_sends_to_a_server_only_when_that_is_asked_for(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ada:word@example.org")
    with pytest.raises(ArgumentError, match=r"(?s)without --online.*https://…") as caught:
        track(folder.path, "mlflow")
    assert "word" not in str(caught.value)


def test_wandb_stays_offline_and_has_every_number_once(folder, monkeypatch):
    pytest.importorskip("wandb")
    track(folder.path, "wandb")
    add(folder, range(4, 6))
    track(folder.path, "wandb")
    assert track(folder.path, "wandb")[1] == 0
    place = folder.path / "tracking" / "wandb"
    written = history_of(place)
    assert len({one[:2] for one in written}) == len(written)
    asked = [(one.series, one.step) for one in numbers_of(folder)]
    assert sorted(one[:2] for one in written) == sorted(asked)
    id = json.loads((folder.path / "tracking" / "run.json").read_text("utf-8"))["id"]
    assert all(id in one.name for one in place.glob("wandb/offline-run-*"))


def history_of(place):
    """Read what offline runs hold: a series, its step and its value each."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for file in sorted(place.glob("wandb/offline-run-*/run-*.wandb")):
        for data in records_of(file.read_bytes()):
            record = Record.FromString(data)
            if record.WhichOneof("record_type") != "history":
                continue
            items = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            (step,) = [value for name, value in items.items() if name.endswith("/step")]
            shown = [name for name in items if name[0] != "_" and not name.endswith("/step")]
            found += [(name, step, items[name]) for name in shown]
    return found


def records_of(data):
    """Take the records out of a log of LevelDB with a header of its own, without checking them."""
    at, parts = 7, []
    while len(data) - at >= 7:
        if (left := BLOCK - at % BLOCK) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield b"".join(parts)
            parts = []
