"""Steps reach every listener, and the time they took is put down to the right phase."""

import pytest

from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.runs import RunFolder
from luthier.training.listeners import Listeners, follow, spent_before

RECIPE = Recipe.model_validate(
    {"model": "m", "task": "text-classification", "data": {"train": "x.csv"}}
)


def steps():
    yield StepInfo("work", 1, 2, loss=0.5)
    yield StepInfo("work", 2, 2)
    return "done"


def test_following_tells_all_steps_and_gives_the_result():
    heard = []
    assert follow(steps(), heard.append) == "done"
    assert [info.step for info in heard] == [1, 2]


def test_time_after_an_announcement_belongs_to_what_was_announced(tmp_path, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("luthier.training.listeners.time.monotonic", lambda: next(clock))
    listeners = Listeners(RunFolder.create(tmp_path / "run", RECIPE))
    listeners.announce("checking")  # at 1 second after the start
    next(clock), next(clock)
    follow(steps(), listeners)
    listeners.announce("judging")
    next(clock)
    spent = listeners.spent()
    assert spent["phases"]["checking"] > spent["phases"]["work"] > 0
    assert spent["phases"]["judging"] > 0
    assert spent["seconds"] == sum(spent["phases"].values())


def test_only_steps_that_say_something_are_kept(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    follow(steps(), Listeners(folder))
    (event,) = folder.events.read()
    assert event["loss"] == 0.5


def test_times_add_the_attempts_up(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    listeners = Listeners(folder)
    listeners.seconds = {"fine-tuning": 100.0}
    listeners.announce("judging")
    listeners.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    folder.begin(RECIPE)  # the second attempt
    with Listeners(folder) as listeners:
        listeners.seconds = {"fine-tuning": 20.0, "baseline majority": 3.0}
        spent = listeners.spent()
    assert spent["phases"]["fine-tuning"] == 120.0
    assert spent["phases"]["baseline majority"] == 3.0
    assert 123.0 <= spent["seconds"] < 130.0


def test_a_killed_attempt_leaves_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr("luthier.training.listeners.KEEP_EVERY", -1.0)
    folder = RunFolder.create(tmp_path / "run", RECIPE)
    listeners = Listeners(folder)
    listeners.seconds = {"fine-tuning": 50.0}
    listeners(StepInfo("fine-tuning", 1, 9))
    folder.begin(RECIPE)
    assert spent_before(folder)["fine-tuning"] == pytest.approx(50.0, abs=1.0)
