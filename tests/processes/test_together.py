"""Two processes train what one trains, resume what others saved, and end together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from filelock import FileLock

from luthier.registry import find, names
from luthier.runs import RunFolder
from tests.processes.program import Team, cell, far_apart, weights_of
from tests.torture.trial import ROOT, UNCAUGHT
from tests.toys import toy_rows, write_csv

SGD = {"optim": "sgd", "optim_args": {"momentum": 0.9}, "learning_rate": 0.05}
SHORT = {**SGD, "max_steps": 6, "save_strategy": "steps", "save_steps": 3, "save_total_limit": 3}
FSDP = {"sharding": "fsdp"}
LORA = {"name": "lora", "options": {"dropout": 0.0}}
CELLS = {  # of which one process and two must make the same: task, and sections of the recipe
    "rows that do not divide": (
        "text-classification",
        {"training": {"per_device_train_batch_size": 7}, "evaluation": {"explained_rows": 2}},
    ),
    "batches by tokens": (
        "token-classification",
        {"training": {"tokens_per_batch": 60}, "method": "layer-wise"},
    ),
    "groups and accumulation": (
        "multiple-choice",
        {"training": {"gradient_accumulation_steps": 3, "per_device_train_batch_size": 1}},
    ),
    # a batch of one row, of which the second process has none
    "ema, l2-sp and fgm": (
        "text-classification",
        {
            "regularisers": ["ema", "l2-sp", "fgm"],
            "data": {"limit": {"train": 25}},
            "training": {"max_steps": 7},
        },
    ),
    "mixout and r-drop": (
        "text-classification",
        {"regularisers": ["mixout", "r-drop"], "model": {"head_dropout": 1e-9}},
    ),
    # shares with dropout of their own, whichever process computes them
    "dropout in shares": (
        "text-classification",
        {
            "dropout": True,
            "regularisers": ["fgm"],
            "training": {
                "virtual_processes": 4,
                "per_device_train_batch_size": 3,
                "gradient_accumulation_steps": 2,
            },
        },
    ),
    "dropout in shares, sam": (
        "token-classification",
        {"dropout": True, "regularisers": ["sam"], "training": {"virtual_processes": 2}},
    ),
    "dropout in shares, sharded": (
        "translation",
        {"dropout": True, "training": {**FSDP, "virtual_processes": 2}},
    ),
    "sharded": ("text-classification", {"training": FSDP}),
    "sharded adapters": ("causal-lm", {"training": FSDP, "method": LORA}),
}
SEEDED = ("none", "fsdp")  # shardings of runs with dropout
NEAR = 1e-6


RESUMED = [(sharding, *pair) for sharding in SEEDED for pair in ((2, 2), (2, 1), (1, 2))]


def cells_of(folder: Path, n: int) -> list[dict[str, object]]:
    """Describe the runs that one process and two make."""
    made = []
    for name, (task, sections) in CELLS.items():
        training = {**SHORT, **sections.get("training", {})}
        sections = {**sections, "training": training}
        made.append(cell(task, folder / str(n) / name, folder / "models", **sections))
    return made


def plain(folder: Path, name: str, sharding: str) -> dict[str, object]:
    """Describe a run with dropout that is stopped and resumed, or repeated."""
    training = {**SHORT, "sharding": sharding, "virtual_processes": 2}
    return cell(
        "text-classification", folder / name, folder / "models", dropout=True, training=training
    )


def resumed(folder: Path, sharding: str, before: int, after: int) -> dict[str, object]:
    """Describe a run that so many processes begin and so many end."""
    return plain(folder, f"{sharding} {before}-{after}", sharding)


@pytest.fixture(scope="session")
def team():
    made = Team()
    yield made
    made.close()


@pytest.fixture(scope="session")
def both(team, tmp_path_factory, worker_id):
    """Train every cell in one process and in two; stop some runs and resume them in new ones.

    It is done once, whichever of pytest's workers comes first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "both"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            train_all(team, folder)
            (folder / "done").touch()
    return folder


def train_all(team: Team, folder: Path) -> None:
    """Do all runs that the tests look at."""
    for n in (1, 2):
        stopped = [{**resumed(folder, *one), "stop_after": 3} for one in RESUMED if one[1] == n]
        team.run([*cells_of(folder, n), *stopped], folder, n)
    for n in (2, 1):
        again = [resumed(folder, *one) for one in RESUMED if one[2] == n]
        whole = [plain(folder, f"whole {one}", one) for one in SEEDED]
        team.run([*again, *(whole if n == 2 else [])], folder, n)


@pytest.mark.parametrize("name", CELLS)
def test_two_processes_train_what_one_trains(both, name):
    one, two = (both / n / name for n in ("1", "2"))
    assert far_apart(one, two) < NEAR
    lines = [list(RunFolder(run).read_predictions()) for run in (one, two)]
    assert [line["where"] for line in lines[0]] == [line["where"] for line in lines[1]]
    answers = [[line["predictions"]["fine-tuned"]["answer"] for line in found] for found in lines]
    if isinstance(answers[0][0], float):
        assert answers[0] == pytest.approx(answers[1], rel=1e-4)
    else:
        assert answers[0] == answers[1]


def test_every_regulariser_is_compared():
    compared = {one for _, sections in CELLS.values() for one in sections.get("regularisers", ())}
    assert compared == {*names("regularisers")}
    assert all(find("regularisers", name).by_rows for name in compared)


def test_shares_that_cannot_be_dealt_evenly_are_refused(team, tmp_path):
    training = {**SHORT, "virtual_processes": 3}
    one = cell("text-classification", tmp_path / "run", tmp_path / "models", training=training)
    first, second = (one.wait() for one in team.start([one], tmp_path, 2))
    assert first.code
    assert second.code
    assert "training.virtual_processes=3 and 2 processes" in first.said
    assert "training.virtual_processes=2 or a multiple of it" in first.said


def test_the_report_says_what_several_processes_did(both):
    run = RunFolder(both / "2" / "sharded")
    told = [event["message"] for event in run.events.read() if event.get("is_lasting")]
    assert any("2 processes trained this model" in one and "sharded" in one for one in told)
    assert "2 processes trained this model" in run.report.read_text(encoding="utf-8")
    assert run.read_json("environment")["processes"] == 2


def test_the_owner_explains_test_rows_as_one_process_does(both):
    found = []
    for n in ("1", "2"):
        panels = RunFolder(both / n / "rows that do not divide").read_json("panels")["panels"]
        (one,) = (panel["data"] for panel in panels if panel["kind"] == "explanations")
        found.append([row["explained"][0] for row in one["rows"]])
    assert len(found[0]) == 2
    for alone, together in zip(*found, strict=True):
        assert (alone["row"], alone["explained"]) == (together["row"], together["explained"])
        values = [[word["value"] for word in row["words"]] for row in (alone, together)]
        assert values[0] == pytest.approx(values[1], abs=1e-4)


@pytest.mark.parametrize(("sharding", "before", "after"), RESUMED)
def test_another_number_of_processes_resumes(both, sharding, before, after):
    """The run was stopped after the checkpoint of step 3, and resumed by new processes."""
    out = both / f"{sharding} {before}-{after}"
    found = RunFolder(out).attempts()[-1]["resumed"]
    assert [one["step"] for one in found] == [3]
    whole = both / f"whole {sharding}"
    if before == after:
        kept = weights_of(whole)
        assert all(torch.equal(kept[name], one) for name, one in weights_of(out).items())
    else:
        assert far_apart(whole, out) < NEAR


def test_a_process_that_dies_ends_the_others(both, team, tmp_path):
    one = cell("text-classification", tmp_path / "run", both / "models", training=SHORT)
    asked = {**one, "die_after": 3, "rank": 1}
    first, second = (one.wait() for one in team.start([asked], tmp_path, 2))
    assert second.code == -signal.SIGKILL
    assert first.code == UNCAUGHT
    assert "Another process of this run ended without a word" in first.said
    status = json.loads((tmp_path / "run" / "status.json").read_text(encoding="utf-8"))
    assert status["state"] == "failed"
    assert "resumes" in status["hint"]


def test_the_first_process_tells_why_another_failed(both, team, tmp_path):
    one = cell("text-classification", tmp_path / "run", both / "models", training=SHORT)
    asked = {**one, "fail_after": 3, "rank": 1}
    first, second = (one.wait() for one in team.start([asked], tmp_path, 2))
    assert first.code == UNCAUGHT
    assert second.code == UNCAUGHT
    assert "Process 1 failed: The disk is full" in first.said
    status = json.loads((tmp_path / "run" / "status.json").read_text(encoding="utf-8"))
    assert status["reason"].startswith("Process 1 failed")


def test_ctrl_c_finishes_the_step_and_saves_once(both, tmp_path):
    """It reaches the launcher, which passes it on to all."""
    write_csv(toy_rows("text-classification"), tmp_path / "rows.csv")
    training = {**SHORT, "max_steps": 3000}
    tree = cell("text-classification", tmp_path / "run", both / "models", training=training)["tree"]
    tree["data"]["train"] = "rows.csv"
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    words = ["run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run")]
    launcher = subprocess.Popen(
        [sys.executable, "-m", "luthier", *words, "--processes", "2", "--quiet"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob("run/checkpoints/*/checkpoint-*")) and launcher.poll() is None:
        time.sleep(0.1)
    launcher.send_signal(signal.SIGINT)
    said = launcher.communicate()[1]
    assert launcher.returncode == 130, said
    assert said.count("which is saved") == 1
    assert RunFolder(tmp_path / "run").state()["state"] == "interrupted"
