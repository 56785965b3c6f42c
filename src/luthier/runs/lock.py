"""One owner for each run folder, and for any other file that one process writes.

The lock is the operating system's: it is released when the process that holds it ends, however it
ends, so there are no stale locks. A file beside it names the owner for processes that come second.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.process import is_dead, this_process

LOCK, OWNER = ".lock", ".owner.json"
SECONDS_FOR_ORPHANS = 15.0  # PyTorch's workers notice within 5 s that their parent ended
SECONDS_TO_SAY = 2.0  # that a new owner needs to write its name


@dataclass(frozen=True)
class Owned:
    """What is owned, and what is said to who comes second.

    Args:
        lock: Name of the file that is locked. `owner`: Name of the file that names the owner.
        problem: What is wrong.
        hint: What to do.
    """

    lock: str = LOCK
    owner: str = OWNER
    problem: str = "Another process is writing this run."
    hint: str = "wait until it ends or stop it, or --fresh starts another run"


class Lock:
    """The right to write into a run folder, or to a file in a folder.

    Args:
        folder: The folder.
        owned: What is owned there.
    """

    def __init__(self, folder: Path, owned: Owned = Owned()):
        self.folder, self.owned = folder, owned
        self._lock = FileLock(folder / owned.lock)

    def take(self) -> None:
        """Become the owner.

        Raises:
            RunError: Another process owns the folder.
        """
        begun = time.monotonic()
        while True:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                owner = self._owner()
                patience = SECONDS_TO_SAY if not owner else SECONDS_FOR_ORPHANS * is_dead(owner)
                if time.monotonic() - begun < patience:
                    time.sleep(0.05)
                    continue
                raise RunError(
                    self.owned.problem,
                    received=f"{self.folder}, held by {_spelled(owner)}",
                    hint=self.owned.hint,
                ) from None
            break
        about = {**this_process(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        (self.folder / self.owned.owner).write_text(json.dumps(about), encoding="utf-8")

    def is_held(self) -> bool:
        """Return whether a process owns the folder now."""
        if not (self.folder / self.owned.lock).is_file():
            return False
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # somebody else's folder, which may be read alone
            owner = self._owner()
            return bool(owner) and not is_dead(owner)
        self._lock.release()
        return False

    def release(self) -> None:
        """Release the lock."""
        (self.folder / self.owned.owner).unlink(missing_ok=True)
        self._lock.release()

    def _owner(self) -> dict[str, JSON]:
        try:
            found = json.loads((self.folder / self.owned.owner).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _spelled(owner: dict[str, JSON]) -> str:
    if not owner:
        return "a process that has not said who it is"
    return f"process {owner.get('process')} on {owner.get('host')} since {owner.get('since')}"
