"""How a run ends: its reason is recorded, or, where it came to nothing, all of it is taken away.

A run that is refused before its first step has nothing to show and nothing to resume.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from luthier.errors import LuthierError, TrainingError
from luthier.runs.files import is_temporary, telling_of_disk
from luthier.runs.folder import OWN, RunFolder

WAITS = "trained; it waits to be chosen"  # why an attempt ended that was not interrupted


@contextmanager
def recording(folder: RunFolder, *, on_failure: Callable[[Path], object]) -> Iterator[None]:
    """Record why the block failed, if it does, and release the folder at its end.

    Args:
        folder: The folder of the run. Where the run was refused before its first step, what it
            wrote is deleted, and the folder too if it was made for it.
        on_failure: Called with the folder after a failure, to write a report of what exists.

    Raises:
        RunError: The disk is full.
    """
    if not folder.is_owned:  # the owner records
        with telling_of_disk(folder.path):
            yield
        return
    finished = False
    try:
        with telling_of_disk(folder.path):
            yield
        finished = True
    finally:
        problem = None if finished else sys.exc_info()[1]
        is_nothing = problem is not None and _came_to_nothing(folder, problem)
        if problem is not None and not is_nothing:
            with suppress(OSError):  # on a full disk the reason cannot be left either
                _leave(folder, problem)
                on_failure(folder.path)
        with suppress(OSError):
            folder.lock.release()
        if is_nothing:
            with suppress(OSError):
                _take_away(folder)


def _leave(folder: RunFolder, problem: BaseException) -> None:
    reason = str(getattr(problem, "problem", problem) or type(problem).__name__)
    if isinstance(problem, Exception):
        folder.fail(reason, hint=getattr(problem, "hint", None))
    else:  # KeyboardInterrupt, SystemExit
        folder.interrupt(reason)


def _came_to_nothing(folder: RunFolder, problem: BaseException) -> bool:
    """Say whether a run was refused with nothing but its own documents written."""
    is_refused = isinstance(problem, LuthierError) and not isinstance(problem, TrainingError)
    return (
        is_refused
        and folder.is_new
        and all(is_own(item) and not item.is_dir() for item in folder.path.iterdir())
    )


def _take_away(folder: RunFolder) -> None:
    """Delete what a run wrote, and the folders that were made for it and hold nothing else."""
    for item in folder.path.iterdir():
        item.unlink()
    for place in folder.made:
        place.rmdir()


def is_own(item: Path) -> bool:
    """Say whether an entry of a run folder is one that runs write."""
    is_document = item.suffix == ".json" and not item.is_dir()
    return item.name in OWN or is_document or is_temporary(item) or item.suffix == ".tmp"
