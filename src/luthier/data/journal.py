"""The file that `luthier label` writes: a line of JSON for every answer, skip and undo.

    {"id": "…", "text": "…", "label": "spam", "annotator": "ada", "action": "label", "audit": false,
     "round": 2, "why": "margin", "seconds": 3.1, "probability_shown": null}

Lines are only ever appended; what stands is read from all of them. A line may also hold the labels
that there are. It is read as training data,
too: under the names of the task's roles, so that any recipe of the task can learn from it.
Audit rows were drawn at random, so they alone can score; the others were chosen by a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import DataError
from luthier.records import Rows

SIGNATURE = ("id", "annotator", "action", "audit", "round", "why")  # keys that every line has
BEGINNING = b'{"id": '  # of every line
LABEL, SKIP, UNDO = "label", "skip", "undo"
NAMES = "names"  # the action of a line with the labels and their order, under that key
Record = Mapping[str, Any]


def parse_journal(content: bytes, name: str) -> tuple[list[Record], int]:
    """Read the lines of a journal.

    A last line that was torn off, by a power failure say, is left out.

    Args:
        content: The file.
        name: Its name in messages.

    Returns:
        The records, and how many bytes of the file hold them.

    Raises:
        DataError: Another line is no record.
    """
    records: list[Record] = []
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    at = len(content) - sum(map(len, lines))
    last = max((n for n, line in enumerate(lines) if line.strip(b"\0 \t\r\n")), default=-1)
    for number, line in enumerate(lines):
        if line.strip(b"\0 \t\r\n"):
            record = _record(line)
            if record is None and number == last and _is_torn(line):
                break
            if record is None:
                raise DataError(
                    f"{name} is not as a labelling desk wrote it.",
                    received=f"line {number + 1}: {line[:60].decode('utf-8', 'replace').strip()}",
                    hint=f"correct line {number + 1}, or label into another file: --out FILE",
                )
            records.append(record)
        elif number > last:
            break
        at += len(line)
    return records, at


def _is_torn(line: bytes) -> bool:
    """Say whether a line is the beginning of a record, and no other kind of file."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.startswith(BEGINNING) or BEGINNING.startswith(line)
    return False


def _record(line: bytes) -> Record | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and all(key in found for key in SIGNATURE) else None


def standing(records: Sequence[Record]) -> list[tuple[int, Record]]:
    """List the answers that were neither undone nor replaced, with their numbers from 0.

    The last line of an annotator on a row counts.

    >>> lines = [{"id": 1, "annotator": "a", "action": x} for x in ("label", "undo", "label")]
    >>> [number for number, _ in standing(lines)]
    [2]
    """
    last = {(one["id"], one["annotator"]): number for number, one in enumerate(records)}
    kept = sorted(last.values())
    return [(number, records[number]) for number in kept if records[number]["action"] == LABEL]


def is_journal(source: object) -> bool:
    """Say whether a source is a file that a labelling desk wrote."""
    if not isinstance(source, (str, Path)) or Path(source).suffix.lower() != ".jsonl":
        return False
    try:
        with Path(source).open("rb") as file:
            first = file.readline(1 << 24).removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError):
        return False
    return _record(first) is not None


def rows_of_journal(path: str | Path, *, audit: bool | None = None) -> Rows:
    """Read the answers that stand as rows, named by the roles of the task.

    Args:
        path: The file.
        audit: Whether to read only audit rows, or only the others; None reads all.

    Raises:
        DataError: There are none.
    """
    records, _ = parse_journal(Path(path).read_bytes(), Path(path).name)
    found = [(n, one) for n, one in standing(records) if audit in (None, bool(one["audit"]))]
    if not found:
        kind = {None: "answers", True: "audit rows", False: "answers beside audit rows"}[audit]
        raise DataError(
            f"{Path(path).name} has no {kind} yet.",
            received=f"{len(records)} lines",
            hint="label more rows: luthier label RECIPE --pool FILE",
        )
    names = dict.fromkeys(name for _, one in found for name in one)
    columns = {name: [one.get(name) for _, one in found] for name in names}
    lines = np.array([number + 1 for number, _ in found], dtype=np.int64)
    return Rows(columns, (str(path),), np.zeros(len(found), dtype=np.int32), lines)


def audited(split: str, source: object, test: object) -> bool | None:
    """Say which rows of a labelling desk's file a split takes; None: all of them.

    Its audit rows were drawn at random and may score; the others were chosen by a model. So those
    alone are tested on, and not trained on where they are.
    """
    if split == "test":
        return True
    return False if {*journals_of(source)} & {*journals_of(test)} else None


def journals_of(source: object) -> list[str]:
    """List those files of a source that a labelling desk wrote."""
    parts = source if isinstance(source, (list, tuple)) else [source]
    return [str(one) for one in parts if is_journal(one)]
