"""Listeners to a training: events on disk, progress bars and timings.

Long work is a generator of `StepInfo`; `follow` runs it to its end and passes on every step.
Trackers follow the events from outside (`tracking/`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from luthier.errors import RunError
from luthier.records import StepInfo
from luthier.runs import RunFolder

KEEP_EVERY = 10.0  # seconds after which the time spent is noted again
T = TypeVar("T")
Listener = Callable[[StepInfo], None]


def follow(steps: Generator[StepInfo, None, T], listener: Listener) -> T:
    """Run a generator of steps to its end; pass each step on, and return its value."""
    while True:
        try:
            info = next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        listener(info)


class Listeners:
    """Passes each step to events.jsonl and to other listeners.

    Args:
        folder: The run folder.
        others: Called with every step, by the process that owns the folder.
    """

    def __init__(self, folder: RunFolder, others: Iterable[Listener] = ()):
        self.folder = folder
        self.others = list(others) if folder.is_owned else []
        self.seconds: dict[str, float] = {}
        self.told: dict[str, None] = {}  # lasting messages, each once
        self._last = self._kept = time.monotonic()
        self._phase = "starting"
        self._announced: str | None = (
            None  # a phase without steps, of which only the start is announced
        )

    def __call__(self, info: StepInfo) -> None:
        """Record one step."""
        self._clock(self._announced or info.phase)
        self._announced = info.phase if info.n_steps == 0 else None
        if self._last - self._kept > KEEP_EVERY:
            self._keep()
        if info.n_steps > 0:
            self.folder.is_new = False
        if info.loss is not None or info.scores is not None or info.message is not None:
            self.folder.events.append(info)
        if info.is_lasting and info.message is not None:
            is_own = not info.phase.startswith("baseline")
            self.told[info.message if is_own else f"{info.phase}: {info.message}"] = None
        self.show(info)

    def show(self, info: StepInfo) -> None:
        """Show a step of work that leaves nothing behind: nothing of it is recorded."""
        for listener in self.others:
            listener(info)

    def tell(self, message: str) -> None:
        """Tell something within the phase that was announced last."""
        self(StepInfo(self._announced or "", 0, 0, message=message))

    def remark(self, message: str) -> None:
        """Tell something that scores must be read with; the report repeats it."""
        self(StepInfo(self._announced or "", 0, 0, message=message, is_lasting=True))

    def announce(self, phase: str) -> None:
        """Announce a phase without steps."""
        self(StepInfo(phase, 0, 0, message=phase))

    def _clock(self, phase: str) -> None:
        """Add the time since the last step to a phase."""
        now = time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last, self._phase = now, phase

    def _keep(self) -> None:
        """Note the time spent so far: should the run be stopped, the next attempt adds it."""
        self._kept = self._last
        self.folder.note(phases={name: round(one, 2) for name, one in self.seconds.items()})

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *problem: object) -> None:
        """Note the time spent, where the run was stopped; a finished one is sealed."""
        if problem[0] is not None:
            self._clock(self._announced or self._phase)
            with suppress(OSError, RunError):  # a full disk says so itself
                self._keep()

    def spent(self) -> dict[str, Any]:
        """Return the time spent in all attempts of the run, in total and by phase."""
        if self._announced is not None:
            self._clock(self._announced)
        self._keep()
        phases = Counter(spent_before(self.folder))
        phases.update(self.seconds)
        return {
            "seconds": round(sum(phases.values()), 2),
            "phases": {phase: round(seconds, 2) for phase, seconds in phases.items()},
        }


def spent_before(folder: RunFolder) -> dict[str, float]:
    """Add up the seconds that earlier attempts spent in each phase, as far as they noted them."""
    spent: dict[str, float] = {}
    with suppress(RunError):  # a damaged list of attempts does not stop a run
        for attempt in folder.attempts()[:-1]:
            for phase, seconds in (attempt.get("phases") or {}).items():
                spent[phase] = spent.get(phase, 0.0) + float(seconds)
    return spent
