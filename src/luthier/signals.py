"""Handle Ctrl-C and the request to terminate (SIGTERM).

Inside a training step, the first signal is deferred: the step is completed, its state is saved, and
then the process exits with code 130 (Ctrl-C) or 143 (SIGTERM). A second signal, or the first one
elsewhere, stops at once; whatever was saved is kept. While that is written down, a moment, no other
signal is taken.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from luthier import ranks

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOGETHER = 3.0  # seconds in which a terminal and a launcher send one signal twice
ENDING = 1.0  # seconds after the work was stopped in which it is written down that it was
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupted(KeyboardInterrupt):
    """The user stopped the work; `problem` says how far it had come."""

    code = 130

    def __init__(self, problem: str = "Stopped."):
        super().__init__(problem)
        self.problem = problem


class Terminated(SystemExit):
    """The system asked the process to terminate; `problem` says how far the work had come."""

    def __init__(self, problem: str = "Stopped."):
        super().__init__(143)
        self.problem = problem


class _Asked:
    """The signal received so far: global state, because signals belong to the process."""

    patient = False
    by: int | None = None
    at = 0.0  # when it came
    ended = float("-inf")  # when the work was last stopped


def asked() -> int:
    """Return the signal for which the current work is to stop once it is saved; 0: none."""
    return _Asked.by or 0


def end(problem: str, number: int) -> None:
    """Stop because of a signal.

    Args:
        problem: how far the work had come
        number: the signal, which another process of the run may have received

    Raises:
        Interrupted: the signal was Ctrl-C
        Terminated: the signal was SIGTERM
    """
    _Asked.by, _Asked.ended = None, time.monotonic()
    raise (Terminated if number == signal.SIGTERM else Interrupted)(problem)


@contextmanager
def listening() -> Iterator[None]:
    """Handle signals as this module describes while the block runs.

    Has no effect outside the main thread, the only one that may install handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Asked.by, _Asked.ended = None, float("-inf")
    before = {number: signal.signal(number, _take) for number in SIGNALS}
    try:
        yield
    finally:
        _Asked.by = None
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def patience() -> Iterator[None]:
    """Defer the first signal inside the block; the block checks for it with `asked()`."""
    before, _Asked.patient = _Asked.patient, True
    try:
        yield
    finally:
        _Asked.patient = before


def leave_alone() -> None:
    """Ignore signals in this process: a worker ends when its parent does."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _take(number: int, frame: FrameType | None) -> None:
    if time.monotonic() - _Asked.ended < ENDING:
        return
    is_first, before = _Asked.by is None, _Asked.at
    _Asked.by, _Asked.at = number, time.monotonic()
    if ranks.n_processes() > 1 and _Asked.at - before < TOGETHER:
        is_first = True
    if not (is_first and _Asked.patient):
        end(f"Stopped by {NAMES[signal.Signals(number)]}.", number)
