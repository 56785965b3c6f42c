"""Write and read a run's JSON and YAML; files are written atomically.

JSON of a run is strict: a number that is not finite is written as null.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.recipe.tree import Recipe
from luthier.recipe.yaml_text import write_yaml

TEMPORARY = ".tmp-"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SHUT = {errno.EROFS, errno.EACCES, errno.EPERM}

# What runs of versions before 0.2 call by another name; read for one release more.
FORMER_NAMES = {"autotune": "calibration", "panels": "analysis"}  # document -> its former name
FORMER_KEYS = {"comparison": {"validation_metric": "watched_metric"}}  # key -> its former name


def plain(value: object) -> JSON:
    """Reduce dataclasses, NumPy values, tuples and paths to what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML that reads back equal."""
    return write_yaml(recipe.model_dump(mode="json"))


def write_whole(
    path: Path, pieces: Iterable[str], *, before: Callable[[Path], None] | None = None
) -> Path:
    """Write a text file atomically: the old content stays until the new is complete.

    Args:
        path: The file.
        pieces: Its content.
        before: Is called with the file that is about to take the old one's place.
    """
    temporary = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        # never through an existing link; escapes that JSON reads back, for what UTF-8 cannot hold
        with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(pieces)
        if before is not None:
            before(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def is_temporary(path: Path) -> bool:
    """Say whether a file is the remains of an interrupted write."""
    return TEMPORARY in path.name


def read_document(folder: Path, name: str) -> JSON:
    """Read a JSON document of a run, by its former name too; None if the run has not written it.

    Raises:
        RunError: It is damaged.
    """
    path = folder / f"{name}.json"
    former = folder / f"{FORMER_NAMES.get(name, name)}.json"
    if not path.is_file() and former.is_file():
        _notice(former, f"{former.name} is now called {path.name}")
        path = former
    content = read_json(path) if path.is_file() else None
    if isinstance(content, dict):
        for key, former_key in FORMER_KEYS.get(name, {}).items():
            if former_key in content and key not in content:
                _notice(path, f"'{former_key}' is now called '{key}'")
                content[key] = content.pop(former_key)
    return content


@cache
def _notice(path: Path, what: str) -> None:
    """Say once, in one line, that a file is read although its form is an old one."""
    logging.getLogger("luthier").warning(
        "%s: %s; the next release will no longer read it.", path, what
    )


def read_json(path: Path) -> JSON:
    """Read a JSON file.

    Raises:
        RunError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise damaged(path, problem) from problem


def read_lines(path: Path) -> Iterator[dict[str, JSON]]:
    """Walk over JSON lines, skipping an incomplete last one.

    Raises:
        RunError: A line is damaged.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as problem:
                    raise damaged(path, problem) from problem


def damaged(path: Path, problem: Exception) -> RunError:
    """Make the error that names an unreadable file of a run."""
    return RunError(
        f"{path.name} of this run cannot be read.",
        received=f"{path}: {' '.join(str(problem).split())[:200]}",
        hint="copy the run's folder whole, or run its recipe again",
    )


@contextmanager
def telling_of_disk(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that a user can fix.

    Args:
        folder: The folder being written to.

    Raises:
        RunError: The disk is full, a quota is used up, or writing is not permitted.
    """
    try:
        yield
    except OSError as problem:
        is_ours = problem.filename is None or str(problem.filename).startswith(str(folder))
        if problem.errno not in FULL and not (problem.errno in SHUT and is_ours):
            raise
        is_full = problem.errno in FULL
        raise RunError(
            "The disk is full." if is_full else "The run folder cannot be written to.",
            received=f"{problem.filename or folder}: {problem.strerror}",
            hint=f"{'free some space' if is_full else 'allow writing there'}, then give the same "
            "command again: the run resumes from the last checkpoint",
        ) from problem
