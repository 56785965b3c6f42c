"""The contract of an engine: the loop decides what happens when, an engine computes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from luthier.hf_types import Config, Model
from luthier.items import Batch
from luthier.job import BatchSampler, Job
from luthier.recipe.tree import Training

if TYPE_CHECKING:
    from torch import Tensor
    from torch.amp import GradScaler
    from torch.optim import Optimizer


class Loader(Protocol):
    """Iterates over the batches of an epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is iterated over next."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch[Tensor] | None]: ...


class Engine(Protocol):
    """Trains the weights of a PyTorch model, by whatever means.

    The loop (`training/loop.py`) decides what happens when; an engine computes gradients and takes
    steps. Everything before and after a training is the same for all engines.
    """

    name: ClassVar[str]
    job: Job  # the job given, with every open choice of its training section made
    notice: str | None  # one line for the user, shown once
    reads_without_sync: bool  # True if reading the loss needs no device synchronisation
    scaler: GradScaler | None  # gradient scaler of float16
    optimizer: Optimizer  # its groups hold the learning rates; set by `prepare`

    def __init__(self, model: Model, job: Job):
        """Prepare to train a model."""
        ...

    @staticmethod
    def check(settings: Training) -> None:
        """Reject a training section that could only fail later, or a missing package."""
        ...

    @staticmethod
    def check_model(config: Config) -> None:
        """Reject a model by its configuration, before its weights are read."""
        ...

    def working(self) -> AbstractContextManager[str | None]:
        """Enter the training context; yields why padding is computed although it should not be."""
        ...

    def prepare(self, order: BatchSampler, pieces: Any) -> Loader:
        """Make the optimizer; return the loader of batches. `pieces`: a `MicroBatches`."""
        ...

    def load_from_model(self) -> None:
        """Continue from the weights and moments that a checkpoint has just restored."""
        ...

    def gradient(self, batches: list[Batch[Tensor]]) -> tuple[Tensor | float, Tensor | float]:
        """Compute the gradient over the batches of a step; return the mean loss and its norm."""
        ...

    def loss_of(self, batch: Batch[Tensor]) -> Tensor:
        """Compute the summed loss of a batch of PyTorch tensors."""
        ...

    def step(self) -> None:
        """Take a step with the learning rates in the optimizer's groups."""
        ...

    def sync_model(self) -> Model:
        """Write the current weights into the model and return it."""
        ...
