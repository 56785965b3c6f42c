"""What a run writes: plain JSON and YAML, whole or not at all.

JSON of a run is strict: a number that is not finite is written as null.
"""

from __future__ import annotations

import dataclasses
import errno
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from luthier.errors import RunError
from luthier.recipe.tree import Recipe

TEMPORARY = ".tmp-"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SHUT = {errno.EROFS, errno.EACCES, errno.EPERM}


def plain(value: Any) -> Any:
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
    """Write a recipe as YAML that reads back to an equal one."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def write_whole(path: Path, pieces: Iterable[str]) -> Path:
    """Write a text file whole or not at all: what stood there stays until the new one is done."""
    temporary = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def is_temporary(path: Path) -> bool:
    """Say whether a file is one that was not written whole."""
    return TEMPORARY in path.name


@contextmanager
def telling_of_disk(folder: Path) -> Iterator[None]:
    """Turn a full or shut disk into what a user can mend.

    Args:
        folder: Where was written.

    Raises:
        RunError: The disk is full, a quota is used up, or nothing may be written there.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno not in FULL | SHUT:
            raise
        is_full = problem.errno in FULL
        raise RunError(
            "The disk is full." if is_full else "The run folder cannot be written to.",
            received=f"{problem.filename or folder}: {problem.strerror}",
            hint=f"{'free some space' if is_full else 'allow writing there'}, then give the same "
            "command again: it goes on from the last checkpoint",
        ) from problem
