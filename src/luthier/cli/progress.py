"""Progress of something long, from the `StepInfo` it yields: bars on a terminal, lines elsewhere.

Neither slows the work down: what is shown changes at most ten times a second.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from luthier.records import StepInfo

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_BARS = 0.1


@contextmanager
def watching(
    *, quiet: bool = False, metric: str | None = None
) -> Iterator[Callable[[StepInfo], None]]:
    """Give a listener that shows progress on the standard error.

    Args:
        quiet: Show nothing.
        metric: The validation score to show; without one, the first of them.
    """
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda info: None
    elif console.is_terminal:
        with _bars(console) as progress:
            bars = Bars(progress, metric=metric)
            yield bars
            bars.close()
    else:
        lines = Lines(metric=metric)
        yield lines
        lines.close()


class Pace:
    """How fast one phase goes, and how long it will still take, from its last half minute.

    Args:
        metric: The validation score to tell of; without one, the first of them.
        now: The clock, in seconds.
    """

    def __init__(self, metric: str | None = None, *, now: Callable[[], float] = time.monotonic):
        self.now, self.metric = now, metric
        self.started = self.shown = now()
        self.rows = 0
        self.best: str = ""
        self.loss: float | None = None
        self.last: StepInfo | None = None
        self._past: deque[tuple[float, int, int]] = deque([(self.started, 0, 0)])

    def add(self, info: StepInfo) -> None:
        """Take one step into account."""
        self.rows += info.rows
        self.loss = self.loss if info.loss is None else info.loss
        if info.scores:
            name = self.metric if self.metric in info.scores else next(iter(info.scores))
            value = info.scores[name]
            self.best = f"{name} {value:.3f}{' (best)' if info.is_best else ''}"
        self.last = info
        moment = self.now()
        self._past.append((moment, info.step, self.rows))
        while len(self._past) > 2 and self._past[0][0] < moment - 30:
            self._past.popleft()

    @property
    def rows_a_second(self) -> float:
        """Rows a second of late."""
        (then, _, before), (moment, _, rows) = self._past[0], self._past[-1]
        return (rows - before) / (moment - then) if moment > then else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the phase ends, or None where nobody knows."""
        (then, before, _), (moment, step, _) = self._past[0], self._past[-1]
        if self.last is None or not self.last.n_steps or step <= before or moment <= then:
            return None
        return max(0, self.last.n_steps - step) * (moment - then) / (step - before)

    def facts(self) -> list[str]:
        """Say all that is known, in words."""
        words = []
        if self.rows_a_second:
            words.append(f"{self.rows_a_second:,.0f} rows/s")
        if self.seconds_left is not None:
            words.append(f"{clock(self.seconds_left)} left")
        if self.loss is not None:
            words.append(f"loss {self.loss:.3f}")
        if self.best:
            words.append(self.best)
        return words


def clock(seconds: float) -> str:
    """Write seconds as minutes and seconds, or with hours.

    >>> clock(75), clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[steps]}"),
        TextColumn("{task.fields[facts]}", style="dim"),
        console=console,
        refresh_per_second=5,
    )


class Bars:
    """One progress bar a phase.

    Args:
        progress: What draws them.
        metric: The validation score to show.
        now: The clock, in seconds.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        metric: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        self.progress = progress
        self.metric, self.now = metric, now
        self._phases: dict[str, tuple[TaskID, Pace]] = {}
        self._open: str | None = None

    def __call__(self, info: StepInfo) -> None:
        """Show one step."""
        if info.phase != self._open:
            self.close()
            self._open = info.phase
        if info.phase not in self._phases:
            task = self.progress.add_task(
                info.phase, total=info.n_steps or None, steps="", facts=""
            )
            self._phases[info.phase] = task, Pace(self.metric, now=self.now)
        pace = self._phases[info.phase][1]
        pace.add(info)
        if info.message:
            self.progress.console.print(info.message, markup=False)
        is_last = bool(info.n_steps) and info.step >= info.n_steps
        if pace.now() - pace.shown >= SECONDS_BETWEEN_BARS or info.step == 1 or is_last:
            self._draw(info.phase)

    def _draw(self, phase: str) -> None:
        task, pace = self._phases[phase]
        info = pace.last
        if info is None:
            return
        pace.shown = pace.now()
        self.progress.update(
            task,
            completed=info.step,
            total=info.n_steps or None,
            steps=f"{info.step}/{info.n_steps}" if info.n_steps else str(info.step),
            facts=" · ".join(pace.facts()),
        )

    def close(self) -> None:
        """Draw the phase that ends as it ended: with the time it took."""
        if self._open is None:
            return
        task, pace = self._phases[self._open]
        self._draw(self._open)
        took = [f"took {clock(pace.now() - pace.started)}"]
        ended = [word for word in pace.facts() if not word.endswith(" left")]
        self.progress.update(
            task,
            total=max(1, pace.last.step if pace.last else 1),
            facts=" · ".join(took + ended),
        )
        self.progress.stop_task(task)
        self._open = None


class Lines:
    """A plain line every ten seconds, for logs.

    Args:
        metric: The validation score to show.
        now: The clock, in seconds.
    """

    def __init__(self, *, metric: str | None = None, now: Callable[[], float] = time.monotonic):
        self.metric, self.now = metric, now
        self._phase: str | None = None
        self._pace = Pace(metric, now=now)

    def __call__(self, info: StepInfo) -> None:
        """Show one step, if it is time."""
        if info.phase != self._phase:
            self.close()
            self._phase, self._pace = info.phase, Pace(self.metric, now=self.now)
            print(f"{info.phase} …", file=sys.stderr, flush=True)
        self._pace.add(info)
        if info.message:
            print(info.message, file=sys.stderr, flush=True)
        if self.now() - self._pace.shown >= SECONDS_BETWEEN_LINES:
            self._pace.shown = self.now()
            steps = f"step {info.step}" + (f" of {info.n_steps}" if info.n_steps else "")
            print(
                f"{info.phase}: {', '.join([steps, *self._pace.facts()])}",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """Tell how the phase ended."""
        if self._phase is None or self._pace.last is None:
            return
        took = clock(self.now() - self._pace.started)
        ended = [word for word in self._pace.facts() if not word.endswith(" left")]
        steps = f"{self._pace.last.step} steps in {took}"
        print(f"{self._phase}: {', '.join([steps, *ended])}", file=sys.stderr, flush=True)
        self._phase = None
