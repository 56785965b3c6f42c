"""The model's process, seen from the server: started, asked, and started again if it dies."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from luthier.errors import RunError
from luthier.serving.items import RefusedError

LONGEST_LINE = 1 << 28  # bytes of the answers to one batch
PAUSE = 0.2  # seconds before a process that died is started again


class DiedError(Exception):
    """The process died while it was asked."""


class ModelBeside:
    """A model in a process of its own.

    Args:
        folder: A run, a checkpoint or an export.
        threads: Threads that compute; None: its own choice.
        min_precision: The share of answers that are to be right, as `luthier.load` takes it.
        backend: What computes; see `luthier.load`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int | None = None,
        min_precision: float | None = None,
        backend: str = "auto",
    ):
        self._opening = {
            "folder": str(folder),
            "threads": threads,
            "min_precision": min_precision,
            "backend": backend,
        }
        self._process: asyncio.subprocess.Process | None = None
        self.about: dict[str, Any] = {}
        self.n_starts = 0
        self._lock = asyncio.Lock()  # one question at a time

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded and the process lives."""
        return self._process is not None and self._process.returncode is None and bool(self.about)

    async def start(self) -> None:
        """Start the process if it does not live, and wait until it has loaded the model.

        Raises:
            RunError: The model cannot be loaded.
            DiedError: The process died of it.
        """
        async with self._lock:
            if not self.is_ready:
                await self._start()

    async def _start(self) -> None:
        self.n_starts += 1
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "luthier.serving.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,  # Ctrl-C is for the server, which finishes first
        )
        told = await self._exchange(self._opening)
        if "failed" in told:
            problem, received, hint = told["failed"]
            raise RunError(problem, received=received, hint=hint)
        self.about = told

    async def ask(
        self,
        rows: Sequence[Mapping[str, Any]],
        options: Sequence[Mapping[str, Any]],
        *,
        explain: bool = False,
    ) -> list[Any]:
        """Answer rows together.

        Raises:
            RefusedError: A row cannot be answered; alone, the others may be.
            DiedError: The process died; the next question starts it again.
            RunError: It could not be started again.
        """
        message = {"rows": list(rows), "options": list(options), "explain": explain}
        async with self._lock:
            if not self.is_ready:
                await asyncio.sleep(PAUSE)
                await self._start()
            try:
                told = await self._exchange(message)
            except DiedError:
                await self.stop()
                raise
        if "failed" in told:
            problem, received, hint = told["failed"]
            words = ". ".join(str(one).rstrip(".") for one in (problem, received, hint) if one)
            is_bug = bool(told.get("is_bug"))
            raise RefusedError(424 if is_bug else 422, "backend" if is_bug else "validation", words)
        found: list[Any] = told["answers"]
        return found

    async def _exchange(self, message: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise DiedError
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (ConnectionError, ValueError) as problem:
            raise DiedError from problem
        if not line.endswith(b"\n"):
            raise DiedError
        found: dict[str, Any] = json.loads(line)
        return found

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
