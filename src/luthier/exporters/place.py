"""Where an export goes: written beside its folder, sealed, and moved there after its trial."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import move

from luthier.errors import RunError
from luthier.modes import give_usual_modes
from luthier.runs.result import seal_model


def refuse_taken(folder: Path) -> None:
    """Raise if a folder already holds something.

    Raises:
        RunError: The folder is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            "The folder to export to is not empty, and nothing is ever overwritten.",
            received=str(folder),
            hint=f"--out {folder}-2",
        )


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Give a path beside a folder to write to; on success, it is sealed and moved there."""
    parent = folder.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.resolve().name}-") as around:
        written = Path(around) / "model"
        yield written
        give_usual_modes(written)
        seal_model(written)
        if not folder.exists():
            written.rename(folder)
            return
        for item in sorted(written.iterdir()):
            move(item, folder / item.name)
