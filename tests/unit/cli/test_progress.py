"""Progress is shown without getting in the way."""

from __future__ import annotations

import builtins
import io

import pytest
from rich.console import Console

from luthier.cli.progress import Bars, Lines, Pace, bars_on, clock, counted, watching
from luthier.records import StepInfo


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def steps(clock: Clock, *, n_steps: int, seconds: float, phase: str = "fine-tuning"):
    for step in range(1, n_steps + 1):
        clock.seconds += seconds
        yield StepInfo(phase, step, n_steps, rows=8, loss=1 / step)


def test_pace_tells_rows_a_second_and_time_left():
    now = Clock()
    pace = Pace(now=now)
    for step in range(1, 5):
        now.seconds += 0.5
        pace.add(StepInfo("p", step, 10, rows=8, loss=0.25))
    assert pace.rows_a_second == pytest.approx(16)
    assert pace.seconds_left == pytest.approx(3)
    assert pace.facts() == ["16 rows/s", "0:03 left", "loss 0.250"]


def test_pace_follows_the_speed_of_late():
    now = Clock()
    pace = Pace(now=now)
    for step in range(1, 201):
        now.seconds += 1.0 if step <= 100 else 0.5
        pace.add(StepInfo("p", step, 400, rows=4))
    assert pace.rows_a_second == pytest.approx(8, rel=0.05)


def test_pace_shows_the_metric_that_is_followed():
    pace = Pace("macro_f1", now=Clock())
    pace.add(StepInfo("p", 1, 2, scores={"accuracy": 0.9, "macro_f1": 0.5}, is_best=True))
    assert pace.facts() == ["macro F1 0.500 (best)"]
    pace.add(StepInfo("p", 2, 2, scores={"accuracy": 0.9}))
    assert pace.facts() == ["accuracy 0.900"]


def test_unknown_lengths_and_no_time_are_no_trouble():
    pace = Pace(now=Clock())
    pace.add(StepInfo("p", 0, 0))
    assert pace.seconds_left is None
    assert pace.facts() == []


def test_lines_come_every_ten_seconds_and_at_the_ends(capsys):
    now = Clock()
    lines = Lines(now=now)
    for info in steps(now, n_steps=25, seconds=1):
        lines(info)
    for info in steps(now, n_steps=1, seconds=1, phase="baseline majority"):
        lines(info)
    lines.close()
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "fine-tuning …"
    assert [line.split(",")[0] for line in shown[1:4]] == [
        "fine-tuning: step 10 of 25",
        "fine-tuning: step 20 of 25",
        "fine-tuning: took 0:25",
    ]
    assert shown[4] == "baseline majority …"
    assert shown[5].startswith("baseline majority: took 0:01, 8 rows/s")
    assert len(shown) == 6


def test_messages_are_told_once(capsys):
    lines = Lines(now=Clock())
    lines(StepInfo("p", 1, 1, message="Stopped early."))
    assert capsys.readouterr().err.count("Stopped early.") == 1


def test_quiet_shows_nothing(capsys):
    with watching(quiet=True) as listener:
        listener(StepInfo("p", 1, 1))
    assert capsys.readouterr().err == ""


def test_away_from_a_terminal_lines_are_shown(capsys):
    with watching() as listener:
        listener(StepInfo("p", 1, 1, rows=3))
    assert capsys.readouterr().err.startswith("p …\n")


def test_bars_are_drawn_at_most_ten_times_a_second():
    now = Clock()
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress = bars_on(console)
    drawn = []
    update = progress.update
    progress.update = lambda *a, **k: (drawn.append(now()), update(*a, **k))  # type: ignore[method-assign]
    bars = Bars(progress, now=now)
    for info in steps(now, n_steps=1000, seconds=0.001):
        bars(info)
    assert len(drawn) <= 12


def test_a_phase_that_is_over_becomes_a_line():
    now = Clock()
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress = bars_on(console)
    bars = Bars(progress, now=now)
    for phase in ("fine-tuning", "baseline [majority]"):
        for info in steps(now, n_steps=3, seconds=1, phase=phase):
            bars(info)
    assert [task.description for task in progress.tasks] == ["baseline [majority]"]
    bars.close()
    assert progress.tasks == []
    assert console.file.getvalue().splitlines() == [
        "fine-tuning: took 0:03 · 8 rows/s · loss 0.333",
        "baseline [majority]: took 0:03 · 8 rows/s · loss 0.333",
    ]


def test_a_narrow_terminal_keeps_the_bar():
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    progress = bars_on(console)
    bars = Bars(progress, now=Clock())
    bars(StepInfo("baseline frozen-encoder: features of validation", 1, 2, rows=4, loss=0.5))
    assert len(progress.tasks[0].description) <= 40
    console.print(progress.get_renderable())
    (line,) = console.file.getvalue().splitlines()
    assert line.count("━") + line.count("╸") + line.count("╺") == 16
    assert "1/2" in line


def test_a_phase_without_steps_is_told_once(capsys):
    lines = Lines(now=Clock())
    lines(StepInfo("judging", 0, 0, message="judging"))
    lines.close()
    assert capsys.readouterr().err == "judging …\n"


def test_counted_rows_become_steps():
    seen = []
    count = counted(seen.append, "predicting")
    count(1024, 1500)
    count(1500, 1500)
    assert [(info.step, info.n_steps, info.rows) for info in seen] == [
        (1024, 1500, 1024),
        (1500, 1500, 476),
    ]


def test_clock():
    assert [clock(0), clock(59.6), clock(3600)] == ["0:00", "1:00", "1:00:00"]


class ZMQInteractiveShell:
    """Stands for the shell of a notebook's kernel."""


@pytest.mark.parametrize("is_started_by_it", [False, True])
def test_a_notebook_gets_plain_lines(monkeypatch, capsys, is_started_by_it):
    if is_started_by_it:  # `!luthier run`, behind a pseudo-terminal
        monkeypatch.setenv("JPY_PARENT_PID", "1")
        monkeypatch.setenv("FORCE_COLOR", "1")
    else:
        monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    with watching() as show:
        show(StepInfo("checking", 0, 0, message="two texts are alike"))
        show(StepInfo("fine-tuning", 1, 2, rows=8, loss=0.5))
        show(StepInfo("fine-tuning", 2, 2, rows=8, loss=0.25))
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[:3] == ["checking …", "two texts are alike", "fine-tuning …"]
    assert lines[3].startswith("fine-tuning: took 0:00")
    assert "\x1b" not in shown.err


def test_a_phase_without_steps_counts_none(capsys):
    now = Clock()
    lines = Lines(now=now)
    lines(StepInfo("checking", 0, 0))
    now.seconds += 60
    lines(StepInfo("checking", 0, 0, message="two texts are alike"))
    assert capsys.readouterr().err.splitlines() == ["checking …", "two texts are alike"]
