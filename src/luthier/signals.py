"""Handle Ctrl-C and the request to terminate (SIGTERM).

Inside a training step, the first signal is deferred: the step is completed, its state is saved, and
then the process exits with code 130 (Ctrl-C) or 143 (SIGTERM). A second signal, or the first one
elsewhere, stops at once; whatever was saved is kept.
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


def asked() -> bool:
    """Return True if the current work is to stop as soon as it is saved."""
    return _Asked.by is not None


def end(problem: str) -> None:
    """Stop because of the signal that was received.

    Args:
        problem: how far the work had come

    Raises:
        Interrupted: the signal was Ctrl-C
        Terminated: the signal was SIGTERM
    """
    number, _Asked.by = _Asked.by, None
    raise (Terminated if number == signal.SIGTERM else Interrupted)(problem)


@contextmanager
def listening() -> Iterator[None]:
    """Handle signals as this module describes while the block runs.

    Has no effect outside the main thread, the only one that may install handlers.
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
    is_first = _Asked.by is None
    _Asked.by = number
    if not (is_first and _Asked.patient):
        end(f"Stopped by {NAMES[signal.Signals(number)]}.")
