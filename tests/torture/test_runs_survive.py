"""The promises on runs, each by a few trials; `make torture` counts them in full."""

import pytest

from luthier.registry import names
from tests.torture import (
    crash_points,
    damage,
    desk,
    exactness,
    full_disk,
    kills,
    numbers,
    results,
    signals,
    starts,
)
from tests.torture.trial import Starter

CELLS = exactness.cells()
FEW_CELLS = (
    "accumulation, 2 workers",
    "early stopping, 0 workers",
    "lora, 0 workers",
    "optimizer sgd",
    "masks drawn anew, 2 workers",
    "saved beside the training",
    "baseline from scratch",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a bench with a run that was never interrupted."""
    return kills.bench(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def starter():
    with Starter() as started:
        yield started


def test_a_killed_run_loses_nothing(made):
    assert kills.trials(made, 6) == [""] * 6


def test_every_instant_of_a_save_leaves_a_whole_checkpoint(tmp_path):
    passed = crash_points.trials(tmp_path)
    assert len(passed) > 100
    assert all(passed)


def test_damage_is_named_and_the_older_checkpoint_used(tmp_path):
    made = damage.bench(tmp_path, "full")
    chosen = list(damage.cases(made))[::9]
    assert len(chosen) > 4
    assert [case for case in chosen if not damage.trial(made, *case)] == []


def test_a_full_disk_is_told_and_survived(made):
    assert [
        size for size in full_disk.sizes(made, 4) if not full_disk.trial_of_size(made, size)
    ] == []
    assert full_disk.trial_of_shut_folder(made)


@pytest.mark.parametrize("cell", FEW_CELLS)
def test_going_on_is_exact(cell, tmp_path):
    assert exactness.trial(tmp_path, CELLS[cell]) == []


def test_every_method_that_takes_steps_has_a_cell():
    methods = [sections.get("method", "full") for sections in CELLS.values()]
    tried = {one if isinstance(one, str) else one["name"] for one in methods}
    assert set(names("methods")) - tried == {"prototypes", "knn"}  # nothing to resume


def test_every_method_is_killed():
    assert set(exactness.METHODS) == set(names("methods"))


# the first adds a head to the model that it is given, the second is killed while that is alone
@pytest.mark.parametrize("cell", ["contrastive", "head-first"])
def test_going_on_is_exact_in_another_process(cell, starter, tmp_path):
    assert exactness.trial(tmp_path, CELLS[cell], starter=starter) == []


def test_reruns_are_equal(tmp_path):
    assert all(exactness.reruns(tmp_path, 3))


def test_signals_save(made):
    assert signals.trials(made, 5) == [""] * 5


def test_numbers_that_mean_nothing_stop_the_run(tmp_path):
    assert all(numbers.trials(numbers.bench(tmp_path), len(numbers.KINDS)))


def test_one_of_many_starts_wins(tmp_path):
    made = starts.bench(tmp_path)
    assert all(starts.trials(made, 6))
    assert all(starts.trials_on_a_dead_one(made, 6))


def test_a_damaged_result_answers_nothing(starter, tmp_path):
    found = results.trials(results.bench(tmp_path), starter, every=37)
    assert len(found) >= 10
    assert [what for what, passed in found if not passed] == []


def test_a_desk_that_is_killed_loses_no_answer(tmp_path):
    assert desk.trials(tmp_path, 4) == [""] * 6


def test_a_trial_can_fail(made):
    model = made.folder / "whole" / "model" / "model.safetensors"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        assert kills.trials(made, 2, seed=1) == ["other weights"] * 2
    finally:
        model.write_bytes(content)
