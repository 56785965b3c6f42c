"""Tensors in files: whole, or in slices that several processes wrote.

    NAME.safetensors            whole tensors
    NAME.rank-0.safetensors     the slices of one process
    slices.rank-0.json          {NAME: {tensor: {"shape": of the whole, "offset": its first row}}}

Slices are read by any number of processes, each of which reads the rows that it needs. Next:
`state.py`, which says what is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from luthier.runs.seals import DamagedError

Named = dict[str, Tensor]
PART = re.compile(r"(.+)\.rank-(\d+)\.safetensors")


@dataclass(frozen=True)
class Slice:
    """Some rows of a tensor.

    Args:
        values: The rows, (rows, …).
        shape: Shape of the whole tensor.
        offset: Number of the first row.
    """

    values: Tensor
    shape: tuple[int, ...]
    offset: int


@dataclass
class Pieces:
    """A tensor in files, of which rows can be read.

    Args:
        shape: Shape of the whole tensor.
        parts: First row, number of rows, and file of every slice, and the tensor's name in it.
    """

    shape: tuple[int, ...]
    parts: list[tuple[int, int, Path, str]] = field(default_factory=list)

    def rows(self, start: int, stop: int) -> Tensor:
        """Read rows.

        Raises:
            DamagedError: Some of them are in no file.
        """
        found = []
        at = start
        for first, n_rows, path, name in sorted(self.parts, key=lambda part: part[:2]):
            low, high = max(at, first), min(stop, first + n_rows)
            if low == at and high > low:
                with safe_open(path, framework="pt") as file:
                    found.append(file.get_slice(name)[low - first : high - first])
                at = high
        if at < stop:
            raise DamagedError(f"row {at} of a tensor of shape {self.shape} is in no file")
        return torch.cat(found) if found else torch.empty(0, *self.shape[1:])


Stored = Tensor | Pieces


def write_slices(files: Mapping[str, Mapping[str, Slice]], folder: Path, rank: int) -> None:
    """Write this process's slices; an `OSError` means that they cannot be written."""
    about = {
        file: {
            name: {"shape": list(one.shape), "offset": one.offset} for name, one in slices.items()
        }
        for file, slices in files.items()
    }
    for file, slices in files.items():
        tensors = {name: one.values for name, one in slices.items()}
        write_tensors(tensors, folder / f"{file}.rank-{rank}.safetensors")
    text = json.dumps(about)
    (folder / f"slices.rank-{rank}.json").write_text(text, encoding="utf-8")


def read_tensors(folder: Path) -> dict[str, dict[str, Stored]]:
    """Read every file of tensors in a folder; of slices, where they are."""
    found: dict[str, dict[str, Stored]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        match = PART.fullmatch(path.name)
        if match is None:
            found.setdefault(path.stem, {}).update(load_file(path))
            continue
        file, rank = match.groups()
        about = json.loads((folder / f"slices.rank-{rank}.json").read_text(encoding="utf-8"))
        kept = found.setdefault(file, {})
        with safe_open(path, framework="pt") as opened:
            for name, one in about[file].items():
                pieces = kept.setdefault(name, Pieces(tuple(one["shape"])))
                if isinstance(pieces, Pieces):
                    n_rows = opened.get_slice(name).get_shape()[0]
                    pieces.parts.append((one["offset"], n_rows, path, name))
    return found


def write_tensors(tensors: Named, path: Path) -> None:
    """Write tensors to a file.

    Raises:
        OSError: They cannot be written, for example because the disk is full.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as problem:  # reports a full disk in its message
        number = re.search(r"os error (\d+)", str(problem))
        if number is None:
            raise
        raise OSError(int(number[1]), str(problem), str(path)) from problem
