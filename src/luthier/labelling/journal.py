"""The desk's file, as it is written: each line is on the disk before the next row is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from luthier.data.journal import NAMES, Record, parse_journal
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.runs.lock import Lock, Owned
from luthier.surrogates import without_surrogates


class Journal:
    """An append-only file with one writer.

    Args:
        path: The file; it is made by the first answer.

    Raises:
        DataError: It holds something else.
        RunError: Another desk writes to it.
    """

    def __init__(self, path: Path):
        self.path = path.absolute()
        if not self.path.parent.is_dir():
            raise DataError(
                "The folder for the labels does not exist.",
                received=str(self.path.parent),
                hint="--out labels.jsonl",
            )
        self._lock = Lock(self.path.parent, _owned(self.path))
        self._lock.take()
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self.records, self.torn = self._read()
            on_failure.pop_all()

    def _read(self) -> tuple[list[Record], int]:
        """Read the records, and cut off a last line that was never completed."""
        if not self.path.exists():
            return [], 0
        content = self.path.read_bytes()
        records, end = parse_journal(content, self.path.name)
        torn = len(content) - end
        is_ended = end == 0 or content[:end].endswith((b"\n", b"\r"))
        if torn or not is_ended:
            with self.path.open("r+b") as file:
                file.truncate(end)
                file.seek(end)
                file.write(b"" if is_ended else b"\n")
                os.fsync(file.fileno())
        return records, torn

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that were given last, in their order."""
        return next((tuple(one[NAMES]) for one in reversed(self.records) if NAMES in one), ())

    def keep_names(self, names: Sequence[str], annotator: str) -> None:
        """Keep the labels and their order, unless they are kept already."""
        if tuple(names) != self.names:
            about = {"annotator": annotator, "audit": False, "round": 0, "why": NAMES}
            self.append({"id": "", NAMES: list(names), "action": NAMES, **about})

    def append(self, record: dict[str, JSON]) -> None:
        """Write a line, and return when it is on the disk.

        Raises:
            DataError: It could not be written; the file is as it was.
        """
        line = json.dumps(without_surrogates(record), ensure_ascii=False) + "\n"
        is_new = not self.path.exists()
        size = 0 if is_new else self.path.stat().st_size
        try:
            with self.path.open("ab", buffering=0) as file:
                rest = memoryview(line.encode("utf-8", "backslashreplace"))
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
        except OSError as problem:
            if self.path.is_file():
                os.truncate(self.path, size)
            raise DataError(
                "The answer could not be kept; those before it are.",
                received=f"{self.path}: {problem.strerror}",
                hint="free some space or allow writing there, then give the same command again",
            ) from problem
        if is_new and os.name == "posix":  # the name itself must outlive a power failure
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self.records.append(record)

    def close(self) -> None:
        """Let other desks write."""
        self._lock.release()


def _owned(path: Path) -> Owned:
    return Owned(
        f".{path.name}.lock",
        f".{path.name}.owner.json",
        f"Another desk is writing {path.name}.",
        "quit that one, or label into another file: --out FILE",
    )
