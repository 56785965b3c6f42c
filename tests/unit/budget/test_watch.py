"""A trial ends once it is trained, or as soon as it is known to take too long."""

from __future__ import annotations

import pytest

from luthier.budget.clock import Clock
from luthier.budget.watch import TooLongError, TrainedError, Watch
from luthier.records import StepInfo


class Hand:
    """A clock that is moved by hand."""

    def __init__(self):
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hand() -> Hand:
    return Hand()


def step(number: int, *, of: int = 100, phase: str = "fine-tuning") -> StepInfo:
    return StepInfo(phase, number, of, epoch=number / 50)


def take(watch: Watch, hand: Hand, numbers: range, *, seconds: float, of: int = 100) -> None:
    for number in numbers:
        hand.time += seconds
        watch(step(number, of=of))


def test_a_clock_counts_what_was_spent_before(hand):
    clock = Clock(2, spent=30, now=hand)
    hand.time = 60
    assert (clock.spent, clock.left) == (90, 30)


def test_a_trial_that_ends_in_time_is_left_alone(hand):
    watch = Watch(Clock(2, now=hand), until=101)
    take(watch, hand, range(1, 101), seconds=1)
    assert watch.pass_seconds == pytest.approx(50)
    assert watch.passes == 2


def test_a_trial_that_would_take_too_long_is_ended_early(hand):
    watch = Watch(Clock(2, now=hand), until=90)
    with pytest.raises(TooLongError) as caught:
        take(watch, hand, range(1, 101), seconds=1)
    assert hand.time < 15
    assert caught.value.seconds == pytest.approx(100)
    assert watch.pass_seconds == pytest.approx(50)


def test_slow_first_steps_foretell_nothing(hand):
    watch = Watch(Clock(2, now=hand), until=110)
    take(watch, hand, range(1, 3), seconds=5)
    take(watch, hand, range(3, 101), seconds=1)
    assert hand.time == 108


def test_a_trial_that_slows_down_is_ended(hand):
    watch = Watch(Clock(9, now=hand), until=200)
    take(watch, hand, range(1, 51), seconds=1)
    with pytest.raises(TooLongError):
        take(watch, hand, range(51, 101), seconds=5)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_trained_waits_before_a_row_is_predicted(hand, split):
    with pytest.raises(TrainedError):
        Watch(Clock(2, now=hand), until=90)(step(1, phase=f"predicting {split}"))
    Watch(Clock(2, now=hand), until=90, judges=True)(step(1, phase=f"predicting {split}"))
