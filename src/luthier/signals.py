"""What happens on Ctrl-C and on a request to end (SIGTERM).

Where a step is worth finishing, the first signal only asks: the step is finished, its state is
saved, and then everything ends with exit code 130 (Ctrl-C) or 143 (SIGTERM). A second signal, and
the first one elsewhere, ends at once; what was saved stays saved.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupted(KeyboardInterrupt):
    """The user stopped the work; `problem` says how far it came."""

    code = 130

    def __init__(self, problem: str = "Stopped."):
        super().__init__(problem)
        self.problem = problem


class Terminated(SystemExit):
    """The system asked the process to end; `problem` says how far the work came."""

    def __init__(self, problem: str = "Stopped."):
        super().__init__(143)
        self.problem = problem


class _Asked:
    """What was asked of this process; signals are the process's, so this is too."""

    patient = False
    by: int | None = None


def asked() -> bool:
    """Say whether the work under way shall end as soon as it is saved."""
    return _Asked.by is not None


def end(problem: str) -> None:
    """End as was asked.

    Args:
        problem: How far the work came.

    Raises:
        Interrupted: By Ctrl-C.
        Terminated: By SIGTERM.
    """
    number, _Asked.by = _Asked.by, None
    raise (Terminated if number == signal.SIGTERM else Interrupted)(problem)


@contextmanager
def listening() -> Iterator[None]:
    """Take signals as this module says, for as long as the block runs.

    Outside the main thread, which alone may do so, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Asked.by = None
    before = {number: signal.signal(number, _take) for number in SIGNALS}
    try:
        yield
    finally:
        _Asked.by = None
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def patience() -> Iterator[None]:
    """Let the first signal inside the block only ask; the block looks for it with `asked`."""
    before, _Asked.patient = _Asked.patient, True
    try:
        yield
    finally:
        _Asked.patient = before


def leave_alone() -> None:
    """Take no signal in this process: a worker ends when its master does."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _take(number: int, frame: FrameType | None) -> None:
    is_first = _Asked.by is None
    _Asked.by = number
    if not (is_first and _Asked.patient):
        end(f"Stopped by {NAMES[signal.Signals(number)]}.")
