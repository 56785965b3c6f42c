"""What an engine must bring: the loop decides what happens when, an engine computes it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from luthier.job import Job


class Engine(Protocol):
    """Computes a training: changes the weights of a PyTorch model, by whatever means.

    The loop (`training/loop.py`) decides what happens when; an engine computes gradients and takes
    steps. Everything before and after a training is the same for all engines.
    """

    name: ClassVar[str]
    job: Job  # the job given, with a training section in which every choice is made
    notice: str | None  # one line for the user, shown once
    n_processes: int
    reads_without_sync: bool  # True if reading the loss needs no device synchronisation
    scaler: Any  # gradient scaler of float16, or None
    optimizer: Any  # a PyTorch optimizer whose groups hold the learning rates; set by `prepare`

    def __init__(self, model: Any, job: Job):
        """Get ready to train a model."""
        ...

    @staticmethod
    def check(settings: Any) -> None:
        """Refuse a training section that could only fail later, and say what is not installed."""
        ...

    @staticmethod
    def check_model(config: Any) -> None:
        """Refuse a model by its configuration, before its weights are read."""
        ...

    def working(self) -> AbstractContextManager[str | None]:
        """Hold what training needs; yields why padding is computed, where it was not to be."""
        ...

    def prepare(self, order: Any, pieces: Any) -> Any:
        """Make the optimizer; return an iterable of batches in a `BatchOrder`, with `set_epoch`."""
        ...

    def load_from_model(self) -> None:
        """Continue from the weights and moments that a checkpoint has just put into place."""
        ...

    def gradient(self, batches: list[Any]) -> tuple[Any, Any]:
        """Compute the gradient over the batches of a step; return the mean loss and its norm."""
        ...

    def loss_of(self, batch: Any) -> Any:
        """Compute the summed loss of a batch of PyTorch tensors."""
        ...

    def step(self) -> None:
        """Step along the gradient, with the learning rates in the optimizer's groups."""
        ...

    def sync_model(self) -> Any:
        """Write the current weights into the model and return it."""
        ...
