"""What a run will take is told once, from the pace of its first steps."""

from __future__ import annotations

import pytest

from luthier.expected_cost import ExpectedCost
from luthier.records import StepInfo
from tests.toys import toy_problem

PACE = 2.0  # seconds of a step


class Told(list):
    def __call__(self, seconds: float, info: StepInfo) -> None:
        self.append((seconds, info.message))


@pytest.fixture
def expect(tiny_model):
    def _expect(n_steps: int = 300, pace: float = PACE, taken: int = 40, **sections):
        recipe, prepared = toy_problem("text-classification", tiny_model("bert"), **sections)
        told, clock = Told(), [0.0]
        model = prepared.job.session.make_model(True)
        listener = ExpectedCost(
            recipe, prepared.job, model, spent=lambda: clock[0], tell=told, now=lambda: clock[0]
        )
        for step in range(1, taken + 1):
            clock[0] += pace
            listener(StepInfo("fine-tuning", step, n_steps))
        return told

    return _expect


def test_steps_alone(expect):
    sections = {"baselines": [], "training": {"eval_strategy": "no"}}
    ((seconds, message),) = expect(data={"split": {"validation": 0, "test": 1}}, **sections)
    assert seconds == pytest.approx(300 * PACE, rel=0.01)
    assert message.startswith("the run will take about 10 min")
    assert "MB on the disk" in message


def test_what_reads_takes_a_third_of_what_learns(expect):
    """45 rows learned twice; 18 validated three times, 27 tested once; a baseline reads all."""
    ((bare, _),) = expect(baselines=[])
    ((read, _),) = expect(baselines=["frozen-encoder", "majority"])
    assert bare == pytest.approx(300 * PACE * (1 + (3 * 18 + 27) / 90 / 3), rel=0.06)
    assert read - bare == pytest.approx(300 * PACE * 90 / 90 / 3, rel=0.2)


def test_a_baseline_that_trains_takes_a_training(expect):
    ((bare, _),) = expect(baselines=[])
    ((double, _),) = expect(baselines=["from-scratch"])
    assert double / bare == pytest.approx(1.85, rel=0.1)


def test_short_runs_are_not_announced(expect):
    assert expect(pace=0.01, taken=300) == []
    assert expect(n_steps=20, pace=1.0, taken=20) == []


def test_saving_less_takes_less_room(expect):
    (_, least), (_, usual) = (
        expect(training={"save_strategy": strategy})[0] for strategy in ("no", "auto")
    )
    assert least != usual
