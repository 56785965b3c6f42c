"""Checkpoints that a crash at any instant leaves whole.

    checkpoint-120/     files, and manifest.json, which was written last
    checkpoint-240/
    writing-360/        a save that was cut short: never read, cleared away by the next one

A save writes its files and brings each to the disk, then the manifest with their sha256, then the
folder; only then does it take its name, and only after that are older ones deleted. So at every
instant a whole checkpoint is there, if ever one was. The pattern is that of A. Pillai et al., "All
File Systems Are Not Created Equal", OSDI 2014, section 4.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from luthier.declarations import JSON

MANIFEST = "manifest.json"
NAME = re.compile(r"checkpoint-(\d+)")
WRITING = "writing-"
CHUNK = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are all there and as they were written.

    Args:
        path: Its folder. `step`: The steps done. `about`: What was said of it when it was written.
    """

    path: Path
    step: int
    about: Mapping[str, JSON]


class DamagedError(Exception):
    """A checkpoint is not as it was written; the message names the file."""


class Store:
    """The checkpoints of one training.

    Args:
        folder: Where they lie.
        keep: How many of the newest are kept; two, so that one may be damaged.
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
        """Write a checkpoint, then delete those that are too many.

        Args:
            step: The steps done.
            fill: Writes files into the folder that it is given.
            about: What to say of it, as JSON can hold.
            spare: The step of an older one that is kept beside the newest.

        Raises:
            OSError: It cannot be written; the older ones are as they were.
        """
        self.clear_away()
        is_first = not self.folder.exists()
        writing = self.folder / f"{WRITING}{step}"
        writing.mkdir(parents=True)
        is_whole = False
        try:
            fill(writing)
            _seal(writing, step, about)
            is_whole = True
        finally:
            if not is_whole:
                shutil.rmtree(writing, ignore_errors=True)
        path = self._path(step)
        if path.exists():  # of a training that went on from an older one, this one being damaged
            shutil.rmtree(path)
        os.rename(writing, path)
        for folder in (self.folder, *self.folder.parents[: 3 if is_first else 0]):
            to_disk(folder)
        for old in self.steps()[self.keep :]:
            if old != spare:
                self._delete(old)
        return path

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Find the newest whole checkpoint; say what is wrong with those that are newer."""
        problems: list[str] = []
        for step in self.steps():
            try:
                return read_checkpoint(self._path(step)), problems
            except DamagedError as problem:
                problems.append(str(problem))
        return None, problems

    def drop_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, which are damaged."""
        for later in self.steps():
            if later > step:
                self._delete(later)

    def clear_away(self) -> None:
        """Delete what saves and deletions that were cut short have left."""
        for path in self.folder.glob(f"{WRITING}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"checkpoint-{step}"

    def _delete(self, step: int) -> None:
        """Take its name from a checkpoint before its files, so that half of one is never read."""
        dying = self.folder / f"{WRITING}{step}"
        os.rename(self._path(step), dying)
        shutil.rmtree(dying, ignore_errors=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest, and see that every file is as it was written.

    Raises:
        DamagedError: Something is missing or changed.
    """
    manifest = _unsealed(path / MANIFEST)
    if f"checkpoint-{manifest['step']}" != path.name:
        raise DamagedError(f"{path / MANIFEST} is that of step {manifest['step']}")
    for name, asked in manifest["files"].items():
        file = path / name
        if file.parent != path or file.is_symlink() or not file.is_file():
            raise DamagedError(f"{file} is missing")
        if file.stat().st_size != asked["bytes"]:
            raise DamagedError(
                f"{file} has {file.stat().st_size} bytes instead of {asked['bytes']}"
            )
        if sha256(file) != asked["sha256"]:
            raise DamagedError(f"{file} is not as it was written")
    return Checkpoint(path, manifest["step"], manifest["about"])


def _seal(folder: Path, step: int, about: Mapping[str, JSON]) -> None:
    """Bring all files to the disk, then the manifest that tells of them."""
    files = {}
    for path in sorted(folder.iterdir()):
        to_disk(path)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    manifest = _sealed({"step": step, "files": files, "about": dict(about)})
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    to_disk(folder / MANIFEST)
    to_disk(folder)


def _sealed(content: dict[str, JSON]) -> str:
    """Write JSON with its own sha256 in it."""
    text = json.dumps(content, sort_keys=True)
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), **content}, indent=1)


def _unsealed(path: Path) -> dict[str, JSON]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        seal = content.pop("sha256")
    except (OSError, ValueError, AttributeError, KeyError) as problem:
        raise DamagedError(f"{path} is missing or is no manifest") from problem
    if json.loads(_sealed(content))["sha256"] != seal:
        raise DamagedError(f"{path} is not as it was written")
    return dict(content)


def sha256(path: Path) -> str:
    """Compute a file's sha256, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def to_disk(path: Path) -> None:
    """Have the system bring a file's content, or a folder's entries, to the disk itself."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
