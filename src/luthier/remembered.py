"""Results of long work that several runs of one process need: computed once, then remembered.

Only inside `remembering()`, which runs that are tried one after another on the same rows share.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Y = TypeVar("Y")
T = TypeVar("T")

_kept: list[dict[Hashable, Any]] = []  # of every `remembering()` that is open, innermost last


@contextmanager
def remembering() -> Iterator[None]:
    """Remember results until the block ends."""
    _kept.append({})
    try:
        yield
    finally:
        _kept.pop()


def is_remembering() -> bool:
    """Return whether results are remembered now."""
    return bool(_kept)


def once(key: Hashable, work: Generator[Y, None, T]) -> Generator[Y, None, T]:
    """Do work, unless its result is remembered.

    Args:
        key: All that the result depends on.
        work: Yields its steps and returns its result, which nobody changes.
    """
    kept = _kept[-1] if _kept else {}
    if key not in kept:
        kept[key] = yield from work
    else:
        work.close()
    result: T = kept[key]
    return result
