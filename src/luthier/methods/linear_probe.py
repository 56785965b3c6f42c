"""`linear-probe`: keep the pre-trained model as it is and train its head alone.

What reaches the head does not change, so it is computed once, without dropout, and the head learns
from the stored features: an epoch costs next to nothing. Alain & Bengio 2016,
https://arxiv.org/abs/1610.01644.
"""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from luthier.models.anatomy import Probe, probe_of
from luthier.models.load import load_saved, save_model
from luthier.recipe.tree import Section
from luthier.records import Array, Batch, Encoded, Job, StepInfo
from luthier.training.loop import train
from luthier.training.predict import predict


class LinearProbeOptions(Section):
    """How the head is trained; the rest follows the training section."""

    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate of the head.")
    num_train_epochs: float = Field(20.0, gt=0, description="Passes over the stored features.")
    per_device_train_batch_size: int = Field(32, ge=1, description="Rows in a training batch.")


class LinearProbe:
    """Train the head alone, on features computed once."""

    name: ClassVar[str] = "linear-probe"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    Options = LinearProbeOptions
    save = staticmethod(save_model)
    load = staticmethod(load_saved)

    def __init__(self, options: LinearProbeOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Store the features of train and validation, then train the head on them."""
        probe = probe_of(model)
        model.requires_grad_(False)
        probe.head.requires_grad_(True)
        stored = {}
        for split in ("train", "validation"):
            stored[split] = yield from store(probe, job, split)
        training = job.training.model_copy(update=self.options.model_dump())
        head = Head(probe.head)
        yield from train(head, job.but(encoded=stored, collate=collate, training=training))
        return model.eval()


def store(probe: Probe, job: Job, split: str) -> Generator[StepInfo, None, Encoded]:
    """Compute what reaches the head for every row of a split, (rows, width)."""
    rows = job.encoded[split]
    features = yield from predict(
        Trunk(probe),
        rows,
        job.collate,
        batch_size=job.training.per_device_eval_batch_size,
        phase=f"features of {split}",
    )
    return Encoded({"features": features}, rows.targets, rows.full_lengths)


def collate(encoded: Encoded, indices: Array) -> Batch:
    """Take stored features; there is nothing to pad."""
    batch: Batch = {"features": encoded.inputs["features"][indices]}  # type: ignore[index]
    if encoded.targets is not None:
        batch["labels"] = encoded.targets[indices]
    return batch


class Trunk(nn.Module):
    """The model below its head: its outputs are features, (batch, width)."""

    def __init__(self, probe: Probe):
        super().__init__()
        self.model = probe.model
        self.probe = probe

    def forward(self, **batch: Tensor) -> Any:
        """Compute the features of a batch."""
        return SimpleNamespace(logits=self.probe.features(batch))


class Head(nn.Module):
    """The model's head, fed with stored features."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Any:
        """Compute outputs (batch, outputs) from features (batch, width)."""
        return SimpleNamespace(logits=self.head(features))
