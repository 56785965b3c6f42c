"""Splits batches that do not fit into memory, or into a processor's cache.

The loss of a step is a sum over its rows divided by their weight (`losses.py`), so the pieces of a
batch add up to its gradient, except for rounding and dropout. On a CPU a thousand tokens are as
efficient as ten thousand and need a tenth of the activations, so long batches are split there even
if memory suffices.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from luthier.errors import TrainingError
from luthier.recipe.tree import Training
from luthier.training.model_calls import TensorBatch

T = TypeVar("T")
WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


class MicroBatches:
    """Splits batches into as many pieces as memory requires.

    Args:
        settings: The recipe's training section.
    """

    def __init__(self, settings: Training):
        self.settings = settings
        self.n_pieces = self.n_reported = 1
        self.largest = 0  # rows of a batch

    def compute(
        self,
        work: Callable[[list[TensorBatch]], T],
        batches: list[TensorBatch],
        *,
        by_rows: bool = True,
        tokens: int | None = None,
        once: bool = False,
    ) -> T:
        """Do the work of a step on its batches, or on pieces of them.

        Args:
            work: Computes the result from batches; it is restarted after running out of memory.
            batches: The batches of one step.
            by_rows: Whether the loss is a sum over rows; if not, nothing is split.
            tokens: Most tokens of a piece, with padding, if its rows are no longer than that;
                None: whole batches, while memory suffices.
            once: Whether the work cannot be restarted, since other processes take part in it.

        Raises:
            TrainingError: One row does not fit, or the loss cannot be split, or the recipe does
                not allow it (`auto_batch_size`).
        """
        n_before, state = self.n_pieces, random_state()
        self.largest = max([self.largest, *(batch.n_items for batch in batches)])
        while True:
            try:
                done = work([one for batch in batches for one in self._cut(batch, tokens)])
            except (RuntimeError, MemoryError) as problem:
                if not is_out_of_memory(problem):
                    raise
                reason = str(problem)
            else:
                break
            if once:
                raise self._not_alone(reason)
            if not by_rows:
                raise self._too_much(reason)
            self.n_pieces *= 2
            if self.n_pieces > max(batch.n_items // batch.group_size for batch in batches):
                raise self._too_little(reason)
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            set_random_state(state)
        if self.n_pieces > n_before and not self.settings.auto_batch_size:
            raise self._advice()
        return done

    def news(self) -> str | None:
        """Report once that batches are split, and into how many pieces."""
        if self.n_pieces == self.n_reported:
            return None
        self.n_reported = self.n_pieces
        return f"memory is short: batches are split into {self.n_pieces} pieces of {self.rows} rows"

    @property
    def rows(self) -> int:
        """Rows of a piece."""
        return -(-self.largest // self.n_pieces)

    def _cut(self, batch: TensorBatch, tokens: int | None) -> Iterator[TensorBatch]:
        """Split a batch into pieces of whole groups."""
        n_groups, n_pieces = batch.n_items // batch.group_size, self.n_pieces
        ids = batch.inputs.get("input_ids")
        if tokens is not None and ids is not None and batch.targets is not None:
            longest = max(ids.numel(), batch.targets.numel()) // n_groups
            n_pieces = max(n_pieces, -(-n_groups // max(1, tokens // longest)))
        size = -(-n_groups // n_pieces) * batch.group_size
        for start in range(0, batch.n_items, size):
            yield batch.slice(start, start + size)

    def _advice(self) -> TrainingError:
        settings = self.settings
        accumulated = settings.gradient_accumulation_steps * self.n_pieces
        smaller = f"training.per_device_train_batch_size={self.rows}"
        if settings.tokens_per_batch is not None:
            smaller = f"training.tokens_per_batch={settings.tokens_per_batch // self.n_pieces}"
        return TrainingError(
            "The batch does not fit into memory.",
            received=f"{self.largest} rows at a time; {self.rows} fitted",
            hint=f"{smaller} "
            f"training.gradient_accumulation_steps={accumulated} is the same mathematics; "
            "training.auto_batch_size=true finds it automatically",
        )

    def _not_alone(self, reason: str) -> TrainingError:
        return TrainingError(
            "The batch does not fit into memory, and with sharded weights it is not split "
            "automatically.",
            received=f"{self.largest} rows: {_first_line(reason)}",
            hint="a smaller training.per_device_train_batch_size with as much more "
            "training.gradient_accumulation_steps is the same mathematics",
        )

    def _too_much(self, reason: str) -> TrainingError:
        return TrainingError(
            "The batch does not fit into memory, and its loss cannot be split by rows.",
            received=f"{self.largest} rows: {_first_line(reason)}",
            hint="a smaller training.per_device_train_batch_size, which changes the training, or a "
            "smaller data.max_tokens",
        )

    def _too_little(self, reason: str) -> TrainingError:
        return TrainingError(
            "Not even one row fits into memory.",
            received=_first_line(reason),
            hint="a smaller data.max_tokens, training.gradient_checkpointing=true, method=lora or "
            "a smaller model",
        )


def _first_line(reason: str) -> str:
    return (reason.strip().splitlines() or ["out of memory"])[0][:200]


@contextmanager
def hinting_batch_size(batch_size: int) -> Iterator[None]:
    """Turn running out of memory at inference into an error with a remedy.

    Raises:
        TrainingError: The batch does not fit into memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        raise TrainingError(
            "A batch of predictions does not fit into memory.",
            received=f"training.per_device_eval_batch_size={batch_size}",
            hint=f"training.per_device_eval_batch_size={max(1, batch_size // 4)}",
        ) from problem


def is_out_of_memory(problem: BaseException) -> bool:
    """Return whether an error means that the CPU or the GPU is out of memory."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(problem, RuntimeError) and any(
        words in str(problem).lower() for words in WORDS
    )


def random_state() -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the state of what dropout draws from, on the host and on a GPU."""
    on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return torch.get_rng_state(), on_gpu


def set_random_state(state: tuple[torch.Tensor, torch.Tensor | None]) -> None:
    """Return to such a state."""
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
