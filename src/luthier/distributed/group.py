"""The processes of a run, and what they tell each other.

Every process walks the same main path. What follows from the recipe and the rows alone, each works
out for itself; what depends on time, on a folder or on a signal is decided by one and told to all.
Gradients and outputs are exchanged as tensors, decisions as JSON: nothing is pickled.

A process that fails leaves its reason with the group before it ends. The others notice that it has
gone at their next exchange, and end with that reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier import ranks
from luthier.declarations import JSON
from luthier.ragged import Array

if TYPE_CHECKING:
    from torch import Tensor, nn


class Group:
    """A process alone, which is a group of one: every exchange gives back what it was given."""

    rank = 0
    size = 1

    @property
    def is_first(self) -> bool:
        """Whether this process owns the run folder, prints and judges."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Sum a tensor over the processes, in place."""
        return values

    def sum_gradients(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        """Sum the gradients of the parameters over the processes, in place.

        Args:
            parameters: The parameters, in the same order everywhere. One that has no gradient in
                any process keeps none.
            loss: The loss of this process's share, a scalar.

        Returns:
            The summed loss.
        """
        return loss

    def largest(self, value: int) -> int:
        """Return the largest of the processes' numbers."""
        return value

    def total(self, value: int) -> int:
        """Return the sum of the processes' numbers."""
        return value

    def from_first(self, value: JSON) -> JSON:
        """Return the first process's value in all of them; the others wait as long as it takes."""
        return value

    def gather(self, arrays: Sequence[Array]) -> list[list[Array]]:
        """Return the arrays of every process, in the order of the processes."""
        return [list(arrays)]

    def wait(self) -> None:
        """Wait until every process is here, as long as it takes."""

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Turn the failure of another process inside the block into its reason."""
        yield


class _Current:
    """The group of this process: global, as a process has one."""

    group: Group = Group()


def group() -> Group:
    """Return the group that this process belongs to; alone, unless `joined` runs."""
    return _Current.group


@contextmanager
def joined() -> Iterator[Group]:
    """Join the other processes, if there are any, while the block runs.

    Raises:
        GoneError: Another process failed; the error says why.
    """
    if ranks.n_processes() == 1 or _Current.group.size > 1:
        yield _Current.group
        return
    from luthier.distributed.several import Several  # it loads PyTorch

    several = _Current.group = Several()
    is_done = False
    try:
        yield several
        is_done = True
    finally:
        _Current.group = Group()
        problem = sys.exc_info()[1]
        if is_done:
            several.leave()
        elif problem is not None and several.fail(problem) and not several.is_first:
            problem.is_told_elsewhere = True  # type: ignore[attr-defined]


@contextmanager
def alone() -> Iterator[None]:
    """Work as a process of its own while the block runs, though others wait for what comes next.

    Nothing is exchanged meanwhile; a process that fails is noticed afterwards.
    """
    together = _Current.group
    _Current.group = Group()
    try:
        yield
    finally:
        _Current.group = together
