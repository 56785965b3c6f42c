"""Sequences of unequal length, stored flat: the one container that NumPy lacks.

Large ones are memory-mapped from an anonymous temporary file that is deleted with the array, so the
system can drop their pages from memory and read them again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
LARGE = 64 * 2**20  # bytes of values above which they are written to a file
CHUNK = 1 << 14  # sequences gathered at once, so that their index arrays stay small


@dataclass(frozen=True)
class Ragged:
    """Sequences of unequal length, stored flat; i is `values[offsets[i]:offsets[i + 1]]`."""

    values: Array  # (all tokens,), or (all tokens, width)
    offsets: Array  # (rows + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Array:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> Array:
        """Length of each sequence, (rows,)."""
        return np.diff(self.offsets)

    def take(self, indices: Sequence[int] | Array) -> Ragged:
        """Return the sequences at `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        starts, lengths = self.offsets[chosen], self.lengths[chosen]
        offsets = offsets_of(lengths)
        values = np.empty((int(offsets[-1]), *self.values.shape[1:]), dtype=self.values.dtype)
        for first in range(0, len(chosen), CHUNK):
            part = slice(first, first + CHUNK)
            base, past = offsets[first], offsets[min(first + CHUNK, len(chosen))]
            inside = np.arange(past - base) - np.repeat(offsets[:-1][part] - base, lengths[part])
            values[base:past] = self.values[np.repeat(starts[part], lengths[part]) + inside]
        return Ragged(values, offsets)

    @staticmethod
    def of(
        sequences: Sequence[Sequence[Any] | Array],
        *,
        dtype: DTypeLike = np.int32,
        width: tuple[int, ...] = (),
    ) -> Ragged:
        """Concatenate sequences; `width` is the shape of one element."""
        offsets = offsets_of([len(sequence) for sequence in sequences])
        values = np.empty((int(offsets[-1]), *width), dtype=dtype)
        for index, sequence in enumerate(sequences):
            if len(sequence):
                values[offsets[index] : offsets[index + 1]] = sequence
        return Ragged(values, offsets)


def offsets_of(lengths: Sequence[int] | Array) -> Array:
    """Return where concatenated sequences of these lengths begin and end, (sequences + 1,)."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


class RaggedWriter:
    """Concatenates sequences chunk by chunk; none is held in memory twice.

    Args:
        dtype: type of the values
        large: bytes of values above which they are written to a temporary file (in `TMPDIR`), if
            its disk has room
    """

    def __init__(self, dtype: DTypeLike = np.int32, *, large: int = LARGE):
        self.dtype, self.large = np.dtype(dtype), large
        self._values = np.empty(1024, dtype=self.dtype)
        self._n_values = self._n_written = 0
        self._lengths: list[Array] = []
        self._file: Any = None

    def add(self, sequences: Sequence[Sequence[int]]) -> None:
        """Append sequences."""
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
        past = self._n_values + int(lengths.sum())
        if past > len(self._values):
            grown = np.empty(max(past, len(self._values) * 5 // 4), dtype=self.dtype)
            grown[: self._n_values] = self._values[: self._n_values]
            self._values = grown
        start = self._n_values
        for sequence, length in zip(sequences, lengths.tolist(), strict=True):
            self._values[start : start + length] = sequence
            start += length
        self._n_values = past
        self._lengths.append(lengths)
        if self._n_values * self.dtype.itemsize > self.large:
            self._write()

    def _write(self) -> None:
        """Move the values in memory to the file; keep them in memory if the disk lacks room."""
        part = self._values[: self._n_values]
        if shutil.disk_usage(tempfile.gettempdir()).free < 2 * part.nbytes:
            self.large *= 2
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="luthier-")  # noqa: SIM115, `finish` closes it
        part.tofile(self._file)
        self._n_written += self._n_values
        self._n_values = 0

    def finish(self) -> Ragged:
        """Return all sequences; values in a file are read-only."""
        lengths = np.concatenate(self._lengths) if self._lengths else np.zeros(0, dtype=np.int32)
        offsets = offsets_of(lengths)
        rest = self._values[: self._n_values]
        if self._file is None:
            return Ragged(rest.copy(), offsets)
        with self._file:
            rest.tofile(self._file)
            self._file.flush()
            values = np.memmap(self._file, dtype=self.dtype, mode="r", shape=(int(offsets[-1]),))
        return Ragged(np.asarray(values), offsets)


def take(values: Any, chosen: Array) -> Any:
    """Select rows of anything aligned with rows: an array, or a record with a method `take`."""
    return values.take(chosen) if hasattr(values, "offsets") else values[chosen]
