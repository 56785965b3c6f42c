"""Where an export goes: it is written aside, and put into place once it was tried out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import move

from luthier.errors import RunError


def refuse_taken(folder: Path) -> None:
    """Raise where something is in a folder already.

    Raises:
        RunError: The folder is not empty, or is none.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            "The folder to export to is not empty, and nothing is ever overwritten.",
            received=str(folder),
            hint=f"--out {folder}-2",
        )


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Give a folder to be made beside another; at the end it is moved there, unless that failed."""
    parent = folder.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.resolve().name}-") as around:
        written = Path(around) / "model"
        yield written
        put_in_place(written, folder)


def put_in_place(written: Path, folder: Path) -> None:
    """Move what was written and tried out to where it was asked for."""
    if not folder.exists():
        written.rename(folder)
        return
    for item in sorted(written.iterdir()):
        move(item, folder / item.name)
