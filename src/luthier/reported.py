"""Progress of work that lies deep below what listens, such as the encoding of files.

It is shown and not recorded: such work leaves nothing in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from luthier.records import StepInfo

T = TypeVar("T")

_shown: list[Callable[[StepInfo], None]] = []  # of every `reporting_to` that is open


@contextmanager
def reporting_to(show: Callable[[StepInfo], None]) -> Iterator[None]:
    """Call a function with every step of the work in the block that is `counted`."""
    _shown.append(show)
    try:
        yield
    finally:
        _shown.pop()


def counted(phase: str, things: Sequence[T]) -> Iterator[T]:
    """Walk over things that each take long, and report how many are done.

    Args:
        phase: What is done, for a progress bar.
        things: What it is done to.
    """
    for number, thing in enumerate(things, start=1):
        yield thing
        for show in _shown[-1:]:
            show(StepInfo(phase, number, len(things), rows=1))
