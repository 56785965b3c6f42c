"""Encoded rows: the items that batches are made of, and the batches.

Every record is frozen and holds NumPy arrays, so that each engine can share tasks, metrics and
baselines. Shapes use these words: rows, items, tokens, labels, batch. `padding.py` pads items to
batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from luthier.ragged import Array, Ragged, take


@dataclass(frozen=True)
class Truncation:
    """Token counts before and after truncation. Every truncation is reported.

    Args:
        code: Code of the finding that reports it.
        column: Column whose texts were truncated.
        fix: Recipe field that raises the limit.
        full: Tokens of every row before truncation, (rows,).
        kept: Tokens of every row after truncation, (rows,).
    """

    code: str
    column: str
    fix: str
    full: Array
    kept: Array


@dataclass(frozen=True)
class Files:
    """Values that stay in files until a batch is made of them.

    Args:
        paths: File of every item, or what it holds.
        read: Reads one of them into an array; called in the worker that makes the batch.
    """

    paths: Sequence[Any]
    read: Callable[[Any], Array]

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class ItemField:
    """One argument of the model, for all items.

    Args:
        values: Fixed-size values (items, …), sequences of unequal length, or files. Their dtype
            decides the batch's: floats stay float32, integers and booleans become int64.
        fill: Value that fills the places after (or before) a shorter sequence.
        mask: Model argument that marks real places with 1 and filled ones with 0; None for none.
    """

    values: Array | Ragged | Files
    fill: float = 0
    mask: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, chosen: Array) -> ItemField:
        """Keep the items at `chosen`, in that order."""
        values = self.values
        if isinstance(values, Files):
            return replace(self, values=replace(values, paths=[values.paths[i] for i in chosen]))
        return replace(self, values=take(values, chosen))


@dataclass(frozen=True)
class Items:
    """Encoded rows: what batches are made of.

    Most tasks make one item of every row; a long row can give several (windows).

    Args:
        inputs: Field of every model argument.
        targets: What the loss compares with: label ids (items,), probabilities (items, labels),
            numbers (items,) or token labels; None where rows have no answers.
        cost: Cost of every item in tokens, patches or frames, (items,); batches share it evenly.
        full_lengths: Cost of every row before truncation, (rows,).
        kept_lengths: Cost of every row after truncation, (rows,); None: the same as `cost`.
        row_of: Row of every item, (items,), or rows of every item, (items, k); None: item i is
            row i.
        weights: Weight of every item in the loss, (items,); None: all weigh 1.
        groups: Group of every item, (items,), ascending; items of a group are always in one batch.
            None: every item stands alone.
        truncations: Truncations besides that of the rows' own texts.
        layout: The task's own record of how items map back to rows; models never see it.
    """

    inputs: Mapping[str, ItemField]
    targets: ItemField | None
    cost: Array
    full_lengths: Array
    kept_lengths: Array | None = None
    row_of: Array | None = None
    weights: Array | None = None
    groups: Array | None = None
    truncations: tuple[Truncation, ...] = ()
    layout: Any = None

    def __len__(self) -> int:
        return len(self.cost)

    @property
    def kept(self) -> Array:
        """Cost of every row after truncation, (rows,)."""
        return self.cost if self.kept_lengths is None else self.kept_lengths

    @property
    def target_array(self) -> Array:
        """Targets of all items as one array, (items, …), or (all tokens,) of unequal lengths."""
        if self.targets is None or isinstance(self.targets.values, Files):
            raise ValueError("these items have no targets")
        values = self.targets.values
        return values.values if isinstance(values, Ragged) else values

    @property
    def rows(self) -> Array:
        """Row of every item, (items,)."""
        return np.arange(len(self)) if self.row_of is None else self.row_of


A = TypeVar("A")  # NumPy arrays, or an engine's tensors
B = TypeVar("B")


@dataclass(frozen=True)
class Batch(Generic[A]):
    """Items padded to a common size, as NumPy arrays or as an engine's tensors.

    Args:
        inputs: Model argument to its values, (batch, …).
        targets: What the loss compares with, (batch, …); None where the kind of batch has none.
        weights: Weight of every item in the loss, (batch,); None: all weigh 1.
        n_items: Number of items.
        group_size: Items that stand next to each other and must not be separated.
        seed: Seed of what is drawn while the batch is computed, such as dropout; None: the random
            stream continues.
    """

    inputs: Mapping[str, A]
    targets: A | None
    n_items: int
    weights: A | None = None
    group_size: int = 1
    seed: int | None = None

    def map(self, convert: Callable[[A], B]) -> Batch[B]:
        """Convert every array, and keep the rest."""
        return Batch(
            {name: convert(values) for name, values in self.inputs.items()},
            None if self.targets is None else convert(self.targets),
            self.n_items,
            None if self.weights is None else convert(self.weights),
            self.group_size,
            self.seed,
        )

    def slice(self, start: int, stop: int) -> Batch[A]:
        """Keep the items from `start` to `stop`; only the first slice begins at the seed."""
        part: Any = slice(start, stop)
        cut = self.map(lambda values: values[part])  # type: ignore[index]
        seed = self.seed if start == 0 else None
        return replace(cut, n_items=min(stop, self.n_items) - start, seed=seed)
