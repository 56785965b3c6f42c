"""Trials on one journal: each is taken once, goes on after its worker, and fails as a failure."""

import json
import subprocess
import sys

import pytest
from optuna.trial import TrialState

from luthier.errors import RunError
from luthier.recipe.load import read_recipe
from luthier.records import StepInfo
from luthier.studies.tuning.journal import MOST_ATTEMPTS, Journal, open_journal
from luthier.studies.tuning.pruning import LEAST_OTHERS, PrunedError, watcher
from luthier.studies.tuning.space import read_space

SPACE = read_space(
    {
        "training.learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
        "training.per_device_train_batch_size": [4, 8, 16],
    },
    read_recipe({"model": "m", "task": "text-classification", "data": {"train": "rows.csv"}}),
)


def journal(folder, arm="tpe", **given):
    return Journal(folder, arm, SPACE, **{"metric": "accuracy", "seed": 3, "n_trials": 12, **given})


def work(search, most=99):
    """Score trials by how near their rate is to 0.001."""
    values = []
    while len(values) < most and (held := search.claim()) is not None:
        rate = held.values["training.learning_rate"]
        search.finish(held, 1 / (1 + abs(rate - 1e-3)))
        values.append(held.values)
    return values


def test_a_search_that_was_stopped_draws_what_it_would_have(tmp_path):
    whole = work(journal(tmp_path / "whole"))
    first = work(journal(tmp_path / "parts"), most=5)
    held = journal(tmp_path / "parts").claim()  # drawn, and then its worker ends
    held.lock.release()
    rest = work(journal(tmp_path / "parts"))
    assert first + rest == whole
    assert rest[0] == held.values
    assert len(whole) == 12
    assert journal(tmp_path / "parts").is_over


def test_a_trial_is_taken_by_one_worker_alone(tmp_path):
    one, other = journal(tmp_path, n_trials=3), journal(tmp_path, n_trials=3)
    held = [one.claim(), other.claim(), one.claim()]
    assert [trial.number for trial in held] == [0, 1, 2]
    assert len({trial.values["training.learning_rate"] for trial in held}) == 3
    assert other.claim() is None
    assert not other.is_over
    one.release(held[1])
    assert other.claim().number == 1


def test_more_trials_may_be_asked_for_later(tmp_path):
    work(journal(tmp_path, n_trials=2))
    assert len(work(journal(tmp_path, n_trials=5))) == 3


def test_the_recipe_as_it_is_is_tried_first(tmp_path):
    first = {"training.learning_rate": 2e-3, "training.per_device_train_batch_size": 8}
    for arm in ("tpe", "random"):
        held = [journal(tmp_path, arm, first=first).claim() for _ in range(2)]
        assert held[0].values == first != held[1].values


def test_random_search_looks_at_no_score(tmp_path):
    good, bad = journal(tmp_path / "good", "random"), journal(tmp_path / "bad", "random")
    values = work(good)
    for number in range(12):
        held = bad.claim()
        assert held.values == values[number]
        bad.finish(held, 0.0)


def test_a_failure_is_neither_good_nor_bad(tmp_path):
    for name, sign in (("accuracy", 1), ("log_loss", -1)):
        search = journal(tmp_path / name, metric=name)
        for number in range(4):
            held = search.claim()
            if number == 1:
                search.fail(held, "TrainingError: the loss is not a number")
            else:
                search.finish(held, sign * number)
        assert [one.state for one in search.tried()] == [
            "finished",
            "failed",
            "finished",
            "finished",
        ]
        assert search.best().number == 3
        assert search.tried()[1].score is None
        assert "not a number" in search.tried()[1].reason
    only = journal(tmp_path / "only", n_trials=1)
    only.fail(only.claim(), "too little memory")
    assert only.best() is None
    assert only.is_over


def test_a_trial_whose_workers_end_again_and_again_has_failed(tmp_path):
    for _ in range(MOST_ATTEMPTS):
        held = journal(tmp_path).claim()
        assert held.number == 0
        held.lock.release()
    search = journal(tmp_path)
    assert search.claim().number == 1
    assert search.tried()[0].state == "failed"
    assert "times without a result" in search.tried()[0].reason


def step(number, of, score, phase="fine-tuning"):
    return StepInfo(phase, number, of, scores={"accuracy": score})


def test_trials_are_pruned_by_the_share_of_their_training(tmp_path):
    search = journal(tmp_path)
    for steps in (10, 20, 40, 80, 160)[:LEAST_OTHERS]:  # of different batch sizes
        held = search.claim()
        watch = watcher(held.trial, "accuracy")
        watch(step(steps // 2, steps, 0.5))
        watch(step(steps, steps, 0.9))
        search.finish(held, 0.9)
    good = search.claim()
    watcher(good.trial, "accuracy")(step(500, 1000, 0.6))  # step 500 is later than any before
    search.finish(good, 0.9)
    slow = search.claim()
    watch = watcher(slow.trial, "accuracy")
    watch(step(1, 1000, 0.1))  # too early to tell
    watch(step(600, 1000, 0.1, phase="fine-tuning: head"))  # not the share of the whole
    with pytest.raises(PrunedError, match="60%"):
        watch(step(600, 1000, 0.4))
    search.prune(slow, "it lagged")
    told = search.tried()[slow.number]
    assert (told.state, told.score, told.reason) == ("pruned", None, "it lagged")
    last = search.claim()
    watcher(last.trial, "accuracy")(step(1000, 1000, 0.1))  # nothing left to save
    assert last.trial.study.get_trials(states=(TrialState.PRUNED,))


def test_what_was_reported_before_a_stop_is_not_reported_again(tmp_path):
    search = journal(tmp_path)
    held = search.claim()
    watcher(held.trial, "accuracy")(step(1, 2, 0.5))
    search.release(held)
    again = search.claim()
    watcher(again.trial, "accuracy")(step(1, 2, 0.25))
    assert search.tried()[0].curve == {0.5: 0.5}


def test_a_line_that_was_cut_short_is_taken_away(tmp_path):
    work(journal(tmp_path), most=3)
    path = tmp_path / "journal.jsonl"
    with path.open("a") as file:
        file.write('{"op_code": 5, "wor')
    assert len(work(journal(tmp_path))) == 9
    path.write_text(path.read_text().replace("{", "[", 3))
    with pytest.raises(RunError, match="damaged"):
        open_journal(path)


WORKER = """
import sys, json
sys.path[:0] = json.loads(sys.argv[2])
from pathlib import Path
from tests.unit.studies.tuning.test_journal import journal, work
print(len(work(journal(Path(sys.argv[1]), n_trials=40))))
"""


def test_two_processes_share_a_journal(tmp_path):
    words = [sys.executable, "-W", "error", "-c", WORKER, str(tmp_path), json.dumps(sys.path)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(one.communicate(timeout=240)[0]) for one in both]
    assert sum(counts) == 40
    found = journal(tmp_path, n_trials=40).tried()
    assert [one.number for one in found] == [*range(40)]
    assert len({one.values["training.learning_rate"] for one in found}) == 40
    assert {one.state for one in found} == {"finished"}
