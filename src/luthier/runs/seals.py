"""Manifests: which files a folder holds, and their sha256, in a file that contains its own.

What they tell apart is damage (a bad disk, a cut copy, a file taken from another run), not malice:
whoever can change a file can write a new manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from luthier.declarations import JSON

MANIFEST = "manifest.json"
NEXT = "next"  # what a listed file is about to become


class DamagedError(Exception):
    """A file is missing or changed; the message names it."""


def write_manifest(folder: Path, files: Iterable[Path], **content: JSON) -> None:
    """Sync files to the disk, then write the manifest that lists them.

    Args:
        folder: The folder that the manifest describes and is written to.
        files: Files in it, or in folders of it.
        content: More that the manifest says.
    """
    listed = {}
    for path in files:
        to_disk(path)
        listed[path.relative_to(folder).as_posix()] = describe_file(path)
    (folder / MANIFEST).write_text(_sealed({**content, "files": listed}), encoding="utf-8")
    to_disk(folder / MANIFEST)
    to_disk(folder)


def announce(folder: Path, name: str, written: Path) -> None:
    """Let a manifest take a file as it is, and as it is about to become.

    Whoever is killed between the two leaves a folder that is whole.

    Args:
        folder: The folder that the manifest describes.
        name: The file that will be replaced.
        written: What will replace it.

    Raises:
        DamagedError: The manifest is missing or changed.
    """
    content = read_manifest(folder)
    if name in content["files"]:
        content["files"][name][NEXT] = describe_file(written)
        _rewrite(folder, content)


def relist(folder: Path, name: str) -> None:
    """Bring a manifest up to date with one file that was written anew.

    Raises:
        DamagedError: The manifest is missing or changed.
    """
    content = read_manifest(folder)
    content["files"][name] = describe_file(folder / name)
    _rewrite(folder, content)


def _rewrite(folder: Path, content: Mapping[str, JSON]) -> None:
    temporary = folder / f"{MANIFEST}.tmp-{os.getpid()}"
    temporary.write_text(_sealed(content), encoding="utf-8")
    os.replace(temporary, folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, JSON]:
    """Read a folder's manifest: `files`, and what else it says.

    Raises:
        DamagedError: It is missing or changed.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        seal = content.pop("sha256")
        files = content["files"]
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as problem:
        raise DamagedError(f"{path} is missing or is not a manifest") from problem
    if not isinstance(files, dict) or json.loads(_sealed(content))["sha256"] != seal:
        raise DamagedError(f"{path} was changed after it was written")
    return dict(content)


def verify_file(folder: Path, name: str, listed: Mapping[str, JSON]) -> None:
    """Compare a file with what the manifest of its folder says of it.

    Raises:
        DamagedError: It is missing or changed.
    """
    path = folder / name
    if ".." in Path(name).parts or path.is_symlink() or not path.is_file():
        raise DamagedError(f"{path} is missing")
    if NEXT in listed and describe_file(path) == listed[NEXT]:
        return
    n_bytes = path.stat().st_size
    if n_bytes != listed["bytes"]:
        raise DamagedError(f"{path} has {n_bytes} bytes instead of {listed['bytes']}")
    if sha256(path) != listed["sha256"]:
        raise DamagedError(f"{path} was changed after it was written")


def describe_file(path: Path) -> dict[str, JSON]:
    """Say what a manifest keeps of a file: its size in bytes and its sha256."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _sealed(content: Mapping[str, JSON]) -> str:
    """Write JSON that contains its own sha256."""
    text = json.dumps(content, sort_keys=True)
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), **content}, indent=1)


def sha256(path: Path) -> str:
    """Compute a file's sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_disk(path: Path) -> None:
    """Sync a file's content, or a folder's entries, to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
