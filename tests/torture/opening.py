"""Opens something hostile in a process of its own, and tells what ran, what was reached and said.

The process is forked from one that has all libraries loaded. An audit hook
(https://docs.python.org/3/library/audit_events.html) notes what no opening may do; a payload that
runs besides leaves a canary.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from luthier.errors import LuthierError

SECONDS = 20  # until an opening counts as hung
CANARY, SECRET = "canary", "secret"
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("subprocess.Popen", "pickle.find_class", "ctypes.dlopen", "pty.spawn", "os.fork"),
    *("socket.connect", "socket.getaddrinfo", "shutil.rmtree", "ftplib.connect"),
)


@dataclass
class Outcome:
    """What came of an opening.

    Args:
        refused: Whether it ended in an error that a user can mend. `said`: its text.
        executed: What ran though nothing should: audit events, or the canary.
        escaped: Files outside the folder that were read or written.
        broken: A traceback, or how the process died.
        mebibytes: How much more memory it held at its peak.
    """

    refused: bool = False
    said: str = ""
    executed: list[str] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    broken: str = ""
    mebibytes: int = 0


def open_apart(folder: Path, act: Callable[[], object]) -> Outcome:
    """Do something in a forked process whose current folder is `folder`.

    Args:
        folder: With what was prepared; the canary is `folder/../canary`, and likewise the secret.
        act: What a user would do; gives what is worth telling, or raises.
    """
    with tempfile.TemporaryFile() as told, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries, all asleep
        child = os.fork()
        if child == 0:
            _act_and_leave(folder, act, told.fileno())
        _, status = os.waitpid(child, 0)
        told.seek(0)
        content = told.read()
    outcome = Outcome(**json.loads(content)) if content else Outcome()
    if status:
        outcome.broken = outcome.broken or f"died with status {status}"
    if (folder.parent / CANARY).exists():
        outcome.executed.append("the canary")
    return outcome


def _act_and_leave(folder: Path, act: Callable[[], object], told: int) -> None:
    outcome = Outcome()
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        torch.set_num_threads(1)  # a fork has none of the threads that would share the work
        os.chdir(folder)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.addaudithook(_hook(outcome, folder.resolve()))
        _do(act, outcome)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        outcome.mebibytes = (after - before) // 1024
    finally:
        os.write(told, json.dumps(asdict(outcome)).encode())
        os._exit(0)


def _do(act: Callable[[], object], outcome: Outcome) -> None:
    try:
        outcome.said = str(act() or "")[:2000]
    except LuthierError as problem:
        outcome.refused, outcome.said = True, str(problem)[:4000]
    except BaseException:  # noqa: BLE001  (whatever it is, it is what a user would see)
        outcome.broken = traceback.format_exc()[-2000:]


def _reached(one: object, *, through_link: bool) -> str:
    """Say where a path of an event leads; what renames or removes acts on a link itself."""
    if not isinstance(one, (str, bytes, Path)):
        return ""
    path = Path(os.fsdecode(one))
    return os.path.realpath(path if through_link else path.parent / ".") + (
        "" if through_link else f"{os.sep}{path.name}"
    )


def _hook(outcome: Outcome, folder: Path) -> Callable[[str, tuple[object, ...]], None]:
    """Note events that no opening may cause, and files opened beside the folder."""
    outside = str(folder.parent)
    inside = f"{folder}{os.sep}"

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event in FORBIDDEN:
            outcome.executed.append(f"{event} {arguments!r}"[:200])
        elif event == "exec":
            origin = getattr(arguments[0], "co_filename", "")
            if str(origin).startswith(outside):
                outcome.executed.append(f"exec of {origin}")
        elif event == "import":
            if isinstance(arguments[1], str) and arguments[1].startswith(outside):
                outcome.executed.append(f"import of {arguments[1]}")
        elif event in ("open", "os.rename", "os.symlink", "os.link", "os.mkdir", "os.remove"):
            for one in arguments[:2]:
                path = _reached(one, through_link=event == "open")
                if path.startswith(outside) and not f"{path}{os.sep}".startswith(inside):
                    outcome.escaped.append(f"{event} {path}")

    return note
