"""The events of a run: every step, in a line of JSON as it happened; read by the report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from luthier.declarations import JSON
from luthier.runs.files import plain, read_lines, write_whole

EVENTS = "events.jsonl"


class Events:
    """The events of one run.

    Args:
        path: The file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._started = time.monotonic()

    def append(self, event: object) -> None:
        """Append one step, with the seconds since the run began."""
        content = {key: value for key, value in plain(event).items() if value is not None}
        content["time"] = round(time.monotonic() - self._started, 3)
        with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(content, ensure_ascii=False) + "\n")

    def so_far(self) -> bytes:
        """Give the current events, for a checkpoint to keep."""
        return self.path.read_bytes() if self.path.is_file() else b""

    def keep(self, events: bytes, folder: Path) -> None:
        """Write events into the folder of a checkpoint."""
        (folder / self.path.name).write_bytes(events)

    def restore(self, folder: Path) -> None:
        """Drop the events since a checkpoint: those steps are repeated."""
        write_whole(self.path, [(folder / self.path.name).read_text(encoding="utf-8")])
        *_, last = [{"time": 0.0}, *self.read()]
        self._started = time.monotonic() - last["time"]

    def forget(self, phase: str) -> None:
        """Drop the events of a training that was interrupted before its first checkpoint."""
        events = list(self.read())
        kept = [event for event in events if event.get("phase") != phase]
        if len(kept) < len(events):
            write_whole(self.path, (json.dumps(one, ensure_ascii=False) + "\n" for one in kept))

    def read(self) -> Iterator[dict[str, JSON]]:
        """Walk over the events, skipping an incomplete last line."""
        if self.path.is_file():
            yield from read_lines(self.path)
