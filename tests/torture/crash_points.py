"""R2: whatever instant a save is cut short at, a whole checkpoint is there.

One save is traced line by line through the modules that write. After every line the folder is
copied as a crash would leave it: once as a killed process leaves it, and once as a power failure
might, where every file that had not been brought to the disk by then is empty.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from luthier.runs import checkpoints as storing
from luthier.runs import seals
from luthier.runs.checkpoints import Store
from luthier.runs.seals import MANIFEST
from luthier.training import state as writing

TRACED = {storing.__file__, seals.__file__, writing.__file__}


def trials(folder: Path) -> list[bool]:
    """Say of every instant of the third save whether a whole checkpoint is left."""
    store = Store(folder / "checkpoints", keep=2)
    for step in (10, 20):
        store.write(step, _fill(step), about={})
    passed = []
    for number, (copy, on_disk) in enumerate(_instants(store, 30, folder / "copies")):
        for crash in ("kill", "power"):
            if crash == "power":
                for path in copy.rglob("*"):
                    if path.is_file() and path.relative_to(copy).as_posix() not in on_disk:
                        path.write_bytes(b"")
            found, _ = Store(copy).newest()
            passed.append(found is not None and found.step in (20, 30) and _is_step(found.path))
        shutil.rmtree(copy)
        assert number < 10_000
    return passed


def _fill(step: int) -> Any:
    def fill(folder: Path) -> None:
        values = {"values": torch.full((1000,), float(step))}
        writing.Captured({"weights": values}, {"step": step}).write(folder)

    return fill


def _is_step(path: Path) -> bool:
    return f'"step": {path.name.partition("-")[2]}' in (path / MANIFEST).read_text("utf-8")


def _instants(store: Store, step: int, copies: Path) -> Iterator[tuple[Path, set[str]]]:
    """Write a checkpoint; give a copy of the folder after every line, and what is on the disk."""
    copies.mkdir()
    made: list[tuple[Path, set[str]]] = []
    durable = _files(store.folder)
    to_disk = storing.to_disk

    def noticed(path: Path) -> None:
        to_disk(path)
        if path.is_file():
            durable.add(path.relative_to(store.folder).as_posix())

    def trace(frame: Any, event: str, given: Any) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            copy = copies / str(len(made))
            shutil.copytree(store.folder, copy)
            names = {name.replace(f"writing-{step}/", f"checkpoint-{step}/") for name in durable}
            made.append((copy, durable | names))
        return trace

    storing.to_disk = seals.to_disk = noticed
    sys.settrace(trace)
    try:
        store.write(step, _fill(step), about={})
    finally:
        sys.settrace(None)
        storing.to_disk = seals.to_disk = to_disk
    yield from made


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
