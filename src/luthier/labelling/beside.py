"""Trains and chooses in a process beside the desk, of low priority, while people go on answering.

The process is spoken to in lines of JSON. It ends with the desk, however that ends: its input is
then closed. Ctrl-C reaches both from a terminal; it leaves that to the desk.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from luthier.errors import TrainingError
from luthier.labelling.orders import Choice, Order, Reply
from luthier.recipe.tree import Recipe
from luthier.records import Target
from luthier.results import Score
from luthier.runs.files import plain

MOMENT = 0.05  # seconds between looks at what the process says
NICE = 10  # added to the process's niceness
LAST_WORDS = 300  # characters of what a process said before it died


class ChooserBeside:
    """Trains and chooses in another process.

    Args:
        recipe: The model and the task.
        target: What is predicted.
        method: `frozen` or `recipe`.
    """

    def __init__(self, recipe: Recipe, target: Target, method: str):
        self._opening = {"recipe": recipe.model_dump(mode="json"), "target": plain(target)}
        self._opening["method"] = method
        self._process: subprocess.Popen[bytes] | None = None
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._words: Any = None
        self._thread: Any = None
        self.doing: tuple[str, int, int] = ("starting", 0, 0)

    def begin(self, order: Order) -> None:
        """Send an order; the process is started if there is none."""
        if self._process is None:
            self._start()
        self.doing = ("starting", 0, 0) if self.doing[0] == "starting" else ("training", 0, 0)
        self._send(asdict(order))

    def _start(self) -> None:
        self._said = queue.Queue()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "luthier.labelling.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
        given = (self._process, self._said)
        self._thread = threading.Thread(target=self._listen, args=given, daemon=True)
        self._thread.start()
        self._send({**self._opening, "nice": NICE})

    @staticmethod
    def _listen(process: subprocess.Popen[bytes], said: queue.Queue[dict[str, Any] | None]) -> None:
        for line in process.stdout or ():
            said.put(json.loads(line))
        said.put(None)

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with suppress(OSError):  # it is dead, which `reply` tells
            self._process.stdin.write(json.dumps(plain(message)).encode() + b"\n")
            self._process.stdin.flush()

    def reply(self, seconds: float | None) -> Reply | None:
        """Give the reply to the last order, if it comes in time.

        Raises:
            TrainingError: The process failed or died; the next order starts another.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                told = self._said.get(timeout=MOMENT)
            except queue.Empty:
                told = {}
            if told is None:
                raise self._death()
            if "failed" in told:
                problem, received, hint = told["failed"]
                raise TrainingError(problem, received=received, hint=hint)
            if "doing" in told:
                self.doing = tuple(told["doing"])
            elif told:
                return _read_reply(told)
            elif deadline is not None and time.monotonic() >= deadline:
                return None

    def _death(self) -> TrainingError:
        code = 0 if self._process is None else self._process.wait()
        self._words.seek(0)
        said = self._words.read().decode("utf-8", "replace").strip()
        self.close()
        return TrainingError(
            "The training beside the desk ended.",
            received=f"exit code {code}: {said[-LAST_WORDS:]}" if said else f"exit code {code}",
            hint="label on: rows come at random until it works again",
        )

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._thread.join()
        streams: list[Any] = [self._process.stdin, self._process.stdout, self._words]
        for stream in streams:
            with suppress(OSError):
                stream.close()
        self._process = None


def _read_reply(told: Mapping[str, Any]) -> Reply:
    chosen = [Choice(**one) for one in told["chosen"]]
    scores = {name: Score(**one) for name, one in told["scores"].items()}
    return Reply(**{**told, "chosen": chosen, "scores": scores})
