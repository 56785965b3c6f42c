"""Checkpoints that stay intact through a crash at any instant.

    checkpoint-120/     files, and manifest.json, which was written last
    checkpoint-240/
    writing-360/        an interrupted save: never read, deleted by the next one

A save writes and syncs its files, then the manifest with their sha256, then the folder; only then
is the folder renamed, and only after that are older checkpoints deleted. So once one checkpoint was
complete, one is complete at every instant. The pattern is that of A. Pillai et al., "All
File Systems Are Not Created Equal", OSDI 2014, section 4.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from luthier.declarations import JSON
from luthier.modes import give_usual_modes
from luthier.runs.seals import (
    MANIFEST,
    DamagedError,
    read_manifest,
    to_disk,
    verify_file,
    write_manifest,
)

NAME = re.compile(r"checkpoint-(\d+)")
WRITING = "writing-"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are complete and unchanged.

    Args:
        path: Its folder.
        step: The number of steps done.
        about: The description given when it was written.
    """

    path: Path
    step: int
    about: Mapping[str, JSON]


class Store:
    """The checkpoints of one training.

    Args:
        folder: The folder that holds them.
        keep: How many of the newest are kept; with two, one may be damaged.
    """

    def __init__(self, folder: Path, *, keep: int = 2):
        self.folder, self.keep = folder, keep

    def steps(self) -> list[int]:
        """List the steps of all checkpoints, the newest first."""
        if not self.folder.is_dir():
            return []
        found = (NAME.fullmatch(entry.name) for entry in self.folder.iterdir())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def write(
        self,
        step: int,
        fill: Callable[[Path], None],
        *,
        about: Mapping[str, JSON],
        spare: int | None = None,
    ) -> Path:
        """Write a checkpoint, then delete the oldest beyond `keep`.

        Args:
            step: The number of steps done.
            fill: Writes the files into the folder that it is given.
            about: A description, as JSON can hold it.
            spare: The step of an older checkpoint to keep beside the newest.

        Raises:
            OSError: It cannot be written; older checkpoints are untouched.
        """
        self.clear_away()
        is_first = not self.folder.exists()
        writing = self.folder / f"{WRITING}{step}"
        writing.mkdir(parents=True)
        is_whole = False
        try:
            fill(writing)
            give_usual_modes(writing)
            write_manifest(writing, sorted(writing.iterdir()), step=step, about=dict(about))
            is_whole = True
        finally:
            if not is_whole:
                shutil.rmtree(writing, ignore_errors=True)
        path = self._path(step)
        if path.exists():  # damaged, so that the training was resumed from an older one
            shutil.rmtree(path)
        os.rename(writing, path)
        for folder in (self.folder, *self.folder.parents[: 3 if is_first else 0]):
            to_disk(folder)
        for old in self.steps()[self.keep :]:
            if old != spare:
                self._delete(old)
        return path

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Find the newest intact checkpoint, and the problems of those that are newer."""
        problems: list[str] = []
        for step in self.steps():
            try:
                return read_checkpoint(self._path(step)), problems
            except DamagedError as problem:
                problems.append(str(problem))
        return None, problems

    def at(self, step: int) -> Checkpoint:
        """Return a checkpoint that another process has verified.

        Raises:
            DamagedError: Its manifest cannot be read.
        """
        manifest = read_manifest(self._path(step))
        return Checkpoint(self._path(step), step, manifest["about"])

    def drop_after(self, step: int) -> None:
        """Delete the (damaged) checkpoints of later steps."""
        for later in self.steps():
            if later > step:
                self._delete(later)

    def clear_away(self) -> None:
        """Delete the remains of interrupted saves and deletions."""
        for path in self.folder.glob(f"{WRITING}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"checkpoint-{step}"

    def _delete(self, step: int) -> None:
        """Rename a checkpoint before deleting its files, so that half of one is never read."""
        dying = self.folder / f"{WRITING}{step}"
        os.rename(self._path(step), dying)
        shutil.rmtree(dying, ignore_errors=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest and verify every file.

    Raises:
        DamagedError: A file is missing or changed.
    """
    manifest = read_manifest(path)
    if f"checkpoint-{manifest['step']}" != path.name:
        raise DamagedError(f"{path / MANIFEST} belongs to step {manifest['step']}")
    for name, listed in manifest["files"].items():
        verify_file(path, name, listed)
    return Checkpoint(path, manifest["step"], manifest["about"])
