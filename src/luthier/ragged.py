"""Sequences of unequal length, kept flat: the one container that NumPy lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Ragged:
    """Sequences of unequal length, kept flat: sequence i is `values[offsets[i]:offsets[i + 1]]`."""

    values: Array  # (all tokens,), or (all tokens, width)
    offsets: Array  # (rows + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Array:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> Array:
        """Length of every sequence, (rows,)."""
        return np.diff(self.offsets)

    def take(self, indices: Sequence[int] | Array) -> Ragged:
        """Keep the sequences at `indices`, in that order."""
        width = self.values.shape[1:]
        return Ragged.of([self[int(i)] for i in indices], dtype=self.values.dtype, width=width)

    @staticmethod
    def of(
        sequences: Sequence[Sequence[Any] | Array],
        *,
        dtype: Any = np.int32,
        width: tuple[int, ...] = (),
    ) -> Ragged:
        """Lay sequences end to end; `width` is the shape of what stands at each place."""
        offsets = np.zeros(len(sequences) + 1, dtype=np.int64)
        np.cumsum([len(sequence) for sequence in sequences], out=offsets[1:])
        values = np.empty((int(offsets[-1]), *width), dtype=dtype)
        for index, sequence in enumerate(sequences):
            if len(sequence):
                values[offsets[index] : offsets[index + 1]] = sequence
        return Ragged(values, offsets)


def take(values: Any, chosen: Array) -> Any:
    """Keep some rows of whatever is aligned with rows: an array, or a record that can `take`."""
    return values.take(chosen) if hasattr(values, "offsets") else values[chosen]
