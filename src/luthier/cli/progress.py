"""Show the progress of long work from its `StepInfo`s: bars on a terminal, lines elsewhere.

In Python, where nothing is shown unless it is asked for, a notebook included:

    with watching() as show:
        luthier.run("recipe.yaml", listeners=[show])

The display is updated at most ten times a second, so it does not slow the work down.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from luthier.cli.visible import visible
from luthier.metrics.names import title

if TYPE_CHECKING:
    from luthier.records import StepInfo

NOTEBOOK = (
    "JPY_PARENT_PID"  # set for what a notebook starts, `!luthier run`, behind a pseudo-terminal
)
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_BARS = 0.1
BAR_WIDTH = 16


@contextmanager
def watching(
    *, quiet: bool = False, metric: str | None = None
) -> Iterator[Callable[[StepInfo], None]]:
    """Return a listener that shows progress on standard error.

    Args:
        quiet: whether to show nothing
        metric: validation metric to show; None shows the first one reported
    """
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda info: None
    elif console.is_terminal and NOTEBOOK not in os.environ:  # no cursor moves up in its output
        with bars_on(console) as progress:
            bars = Bars(progress, metric=metric)
            yield bars
            bars.close()
    else:
        lines = Lines(metric=metric)
        yield lines
        lines.close()


def counted(listener: Callable[[StepInfo], None], phase: str) -> Callable[[int, int], None]:
    """Wrap a listener as a callback that takes the rows done and the total number of rows."""
    from luthier.records import StepInfo

    before = 0

    def count(done: int, total: int) -> None:
        nonlocal before
        listener(StepInfo(phase, done, total, rows=done - before))
        before = done

    return count


class Pace:
    """Speed and remaining time of one phase, estimated from its last 30 seconds.

    Args:
        metric: validation metric to show; None shows the first one reported
        started: when the phase began; None: now
        now: the clock, in seconds
    """

    def __init__(
        self,
        metric: str | None = None,
        *,
        started: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        self.now, self.metric = now, metric
        self.started = self.shown = now() if started is None else started
        self.rows = 0
        self.best: str = ""
        self.loss: float | None = None
        self.last: StepInfo | None = None
        self._past: deque[tuple[float, int, int]] = deque([(self.started, 0, 0)])

    def add(self, info: StepInfo) -> None:
        """Record one step."""
        self.rows += info.rows
        self.loss = self.loss if info.loss is None else info.loss
        if info.scores:
            name = self.metric if self.metric in info.scores else None
            name = name or next(iter(info.scores))
            self.best = f"{title(name)} {info.scores[name]:.3f}{' (best)' if info.is_best else ''}"
        self.last = info
        moment = self.now()
        self._past.append((moment, info.step, self.rows))
        while len(self._past) > 2 and self._past[0][0] < moment - 30:
            self._past.popleft()

    @property
    def ended(self) -> float:
        """When the last step ended."""
        return self._past[-1][0]

    def summary(self) -> list[str]:
        """Summarize the phase once it has ended."""
        took = self.ended - self.started
        words = [f"took {clock(took)}"]
        if self.rows and took > 0:
            words.append(f"{self.rows / took:,.0f} rows/s")
        if self.loss is not None:
            words.append(f"loss {self.loss:.3f}")
        return [*words, self.best] if self.best else words

    @property
    def rows_a_second(self) -> float:
        """Current rows per second."""
        (then, _, before), (moment, _, rows) = self._past[0], self._past[-1]
        return (rows - before) / (moment - then) if moment > then else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the phase ends; None if unknown."""
        (then, before, _), (moment, step, _) = self._past[0], self._past[-1]
        if self.last is None or not self.last.n_steps or step <= before or moment <= then:
            return None
        return max(0, self.last.n_steps - step) * (moment - then) / (step - before)

    def facts(self) -> list[str]:
        """List what is known: speed, time left, loss and best score."""
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
    """Format seconds as minutes and seconds, with hours if needed.

    >>> clock(75), clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bars_on(console: Console) -> Progress:
    """Create the layout of a bar; `Bars` makes the text beside it fit."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=BAR_WIDTH),
        TextColumn("{task.fields[steps]}"),
        TextColumn("{task.fields[facts]}", style="dim"),
        console=console,
        refresh_per_second=5,
    )


class Lines:
    """Prints a plain line every ten seconds, for logs.

    Args:
        metric: validation metric to show; None shows the first one reported
        now: the clock, in seconds
    """

    seconds, separator = SECONDS_BETWEEN_LINES, ", "

    def __init__(self, *, metric: str | None = None, now: Callable[[], float] = time.monotonic):
        self.metric, self.now = metric, now
        self._pace = Pace(metric, now=now)

    def __call__(self, info: StepInfo) -> None:
        """Show one step, unless another was shown shortly before."""
        if self._pace.last is None or info.phase != self._pace.last.phase:
            self.close()
            self._pace = Pace(self.metric, started=self._pace.ended, now=self.now)
            self._begin(info.phase)
        self._pace.add(info)
        if info.message and info.message != info.phase:
            self._print(info.message)
        if self.now() - self._pace.shown >= self.seconds:
            self._pace.shown = self.now()
            self._draw(info)

    def close(self) -> None:
        """Print a summary of the phase, if it had any steps."""
        last = self._pace.last
        if last is not None and last.step:
            self._print(f"{last.phase}: {self.separator.join(self._pace.summary())}")
        self._pace.last = None

    def _begin(self, phase: str) -> None:
        self._print(f"{phase} …")

    def _draw(self, info: StepInfo) -> None:
        steps = f"step {info.step}" + (f" of {info.n_steps}" if info.n_steps else "")
        if info.step:
            self._print(f"{info.phase}: {', '.join([steps, *self._pace.facts()])}")

    def _print(self, words: str) -> None:
        print(visible(words), file=sys.stderr, flush=True)


class Bars(Lines):
    """A progress bar for the current phase; each finished phase becomes a line above it.

    Args:
        progress: the display that draws the bar
        metric: validation metric to show; None shows the first one reported
        now: the clock, in seconds
    """

    seconds, separator = SECONDS_BETWEEN_BARS, " · "

    def __init__(
        self,
        progress: Progress,
        *,
        metric: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        super().__init__(metric=metric, now=now)
        self.progress = progress

    def close(self) -> None:
        """Replace the bar of the phase that ends by a line with its duration."""
        for task in self.progress.task_ids:
            self.progress.remove_task(task)
        super().close()

    def _begin(self, phase: str) -> None:
        self.progress.add_task(phase, total=None, steps="", facts="")
        self._pace.shown -= self.seconds

    def _draw(self, info: StepInfo) -> None:
        """Draw one line: shorten a long phase name, and omit facts that do not fit."""
        steps = f"{info.step}/{info.n_steps}" if info.n_steps else ""
        room = self.progress.console.width - BAR_WIDTH - len(steps) - 4
        phase = info.phase if len(info.phase) <= room else f"{info.phase[: room - 1]}…"
        facts = self._pace.facts()
        while facts and len(self.separator.join(facts)) > room - len(phase):
            del facts[0]
        (task,), total = self.progress.task_ids, info.n_steps or None
        shown = self.separator.join(facts)
        self.progress.update(
            task, description=phase, completed=info.step, total=total, steps=steps, facts=shown
        )

    def _print(self, words: str) -> None:
        self.progress.console.print(visible(words), markup=False, highlight=False)
