"""L7: a desk that is killed while people label loses no answer that it said it kept.

Every kill is of a new process on the same file, which has to go on where the last one stopped. Half
come at a random instant of an answer, half inside the write of one. Some desks train in a process
beside them, which has to end, too.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

import luthier
from luthier.cli.label import Lines
from luthier.data.journal import parse_journal
from luthier.labelling.journal import Journal
from tests.tiny import write_tiny_model
from tests.torture.trial import Child
from tests.toys import toy_tree

KEPT = b"Kept: "
MOST = 6  # answers before a kill
SECONDS = 60.0
EVERY = 10  # trials of which one trains in a process beside the desk


class Killed:
    """A file of labels and the desks on it that are killed.

    Args:
        folder: Where all of it lies.
        n_rows: Rows to label.
    """

    def __init__(self, folder: Path, n_rows: int):
        self.out = folder / "labels.jsonl"
        self.tree = toy_tree("text-classification", write_tiny_model("bert", folder / "model"))
        self.tree["data"] = {"train": str(self.out)}
        self.pool = {
            "text": [f"Day {n}: {'rain' if n % 2 else 'sun'} again" for n in range(n_rows)]
        }
        self.n_kept = 0

    def trial(self, number: int, chance: random.Random) -> str:
        """Label, kill, and say what was lost: nothing, if the promise is kept."""
        before = self.out.read_bytes() if self.out.exists() else b""
        lines, keyboard = os.pipe()
        is_beside = number % EVERY == EVERY - 1
        n_answers = chance.randrange(MOST)
        dies = _dying_inside_a_write(n_answers, chance) if number % 2 else None

        def work() -> None:
            os.dup2(lines, 0)
            os.close(keyboard)
            sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
            if dies is not None:
                dies()
            given = {"pool": self.pool, "labels": ["rain", "sun"], "batch": 4, "audit": 0.2}
            with luthier.label(self.tree, **given, out=self.out, background=is_beside) as desk:
                Lines(desk).run()

        child = Child(work)
        os.close(lines)
        said = self._answer(child, keyboard, n_answers)
        beside = psutil.Process(child.process).children() if is_beside else []
        time.sleep(chance.uniform(0, 0.005))
        with suppress(ProcessLookupError):
            child.kill()
        ended = child.wait()
        os.close(keyboard)
        said += ended.said.encode()
        if ended.code != -signal.SIGKILL:
            return f"ended with {ended.code}: {ended.said[-300:]}"
        _, alive = psutil.wait_procs(beside, timeout=10)
        if alive:
            return f"left a process behind: {alive[0].cmdline()}"
        self.n_kept += said.count(KEPT)
        return self._lost(before)

    def _answer(self, child: Child, keyboard: int, n_answers: int) -> bytes:
        """Answer so many rows and one more, which may or may not be kept; give what was said."""
        said, deadline = b"", time.monotonic() + SECONDS
        for number in range(n_answers + 1):
            while said.count(b"answers ") <= number and time.monotonic() < deadline:
                with suppress(BlockingIOError):
                    said += os.read(child.output, 1 << 16)
                if child.is_over():
                    return said
                time.sleep(0.001)
            with suppress(BrokenPipeError):
                os.write(keyboard, b"2\n" if number % 3 else b"1\n")
        return said

    def _lost(self, before: bytes) -> str:
        content = self.out.read_bytes()
        records, _ = parse_journal(content, self.out.name)
        answers = [one["id"] for one in records if one["action"] == "label"]
        if not content.startswith(before[: before.rfind(b"\n") + 1]):
            return "lines of before are not as they were"
        if len({*answers}) != len(answers):
            return "a row was asked twice"
        if len(answers) < self.n_kept:
            return f"{len(answers)} answers of {self.n_kept} that were kept"
        self.n_kept = len(answers)
        return ""


def _dying_inside_a_write(which: int, chance: random.Random) -> Callable[[], None]:
    """Make what has a process die while it writes an answer."""
    delay = chance.uniform(0, 0.001)

    def prepare() -> None:
        append, count = Journal.append, iter(range(1000))

        def dying(self: Journal, record: dict[str, object]) -> None:
            if record["action"] == "label" and next(count) == which:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            append(self, record)

        Journal.append = dying  # type: ignore[method-assign]

    return prepare


def trials(folder: Path, n: int, *, seed: int = 0) -> list[str]:
    """Kill so many desks on one file; say of each what was lost, and tear its end twice."""
    made, chance = Killed(folder, n_rows=n * (MOST + 2)), random.Random(seed)
    found = [made.trial(number, chance) for number in range(n)]
    whole = made.out.read_bytes()
    for tail in (b'{"id": "of a line that was torn', bytes(64)):
        made.out.write_bytes(whole + tail)
        found.append(made.trial(0, chance))
        whole = made.out.read_bytes()
    return found
