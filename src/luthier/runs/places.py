"""Where runs stand that nobody gave a folder: `runs/NAME`, `runs/NAME-2` and so on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luthier.errors import RunError
from luthier.paths import run_name


def numbered(name: str, number: int) -> Path:
    """Give the folder of the nth run of a name.

    Raises:
        RunError: The name would lead out of `runs/`.
    """
    run_name(name)
    return Path("runs") / (name if number == 1 else f"{name}-{number}")


def missing(path: Path) -> list[Path]:
    """List the folders that making a path would make, the innermost first."""
    return [folder for folder in (path, *path.parents) if not folder.exists()]


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Turn a failure to make a folder into an error that a user can fix.

    Raises:
        RunError: The folder cannot be made.
    """
    try:
        yield
    except OSError as problem:
        raise RunError(
            "The folder for the run cannot be made.",
            received=f"{path}: {problem.strerror}",
            hint="--out a folder that you may write to",
        ) from problem


def kept_beside(run: Path, name: str) -> Path:
    """Give the place in a run's folder of what was computed from its model and can be again.

    It begins with a dot: it is neither sealed nor pushed.
    """
    return run / ".kept" / name


def not_older(path: Path, model: Path) -> bool:
    """Return whether a file was written after the files of a model."""
    newest = max((one.stat().st_mtime for one in model.iterdir()), default=0.0)
    return path.is_file() and path.stat().st_mtime >= newest
