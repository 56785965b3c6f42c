"""`linear-probe`: keep the pre-trained model as it is and train its head alone.

What reaches the head does not change, so it is computed once, without dropout, and the head learns
from the stored features: an epoch costs next to nothing. Alain & Bengio 2016,
https://arxiv.org/abs/1610.01644.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from luthier.protocols import KINDS
from luthier.recipe.tree import Section
from luthier.records import Job, StepInfo


class LinearProbeOptions(Section):
    """How the head is trained; the rest follows the training section."""

    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate of the head.")
    num_train_epochs: float = Field(20.0, gt=0, description="Passes over the stored features.")
    per_device_train_batch_size: int = Field(32, ge=1, description="Rows in a training batch.")


class LinearProbe:
    """Train the head alone, on features computed once."""

    name: ClassVar[str] = "linear-probe"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = KINDS
    Options = LinearProbeOptions

    def __init__(self, options: LinearProbeOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Store the features of train and validation, then train the head on them."""
        from luthier.models.anatomy import first_linear, probe_of
        from luthier.training import features
        from luthier.training.loop import train

        probe = probe_of(model)
        model.requires_grad_(False)
        probe.head.requires_grad_(True)
        trunk = features.Features(model, probe.features)
        stored = {}
        for split in ("train", "validation"):
            phase = f"features of {split}"
            stored[split] = yield from features.store(trunk, job, split, phase=phase)
        first = first_linear(probe.head)
        mean, spread = features.describe(stored["train"], centre=first.bias is not None)
        stored = {split: features.scaled(rows, mean, spread) for split, rows in stored.items()}
        of_head = job.but(
            encoded=stored,
            collate=features.collate_features,
            training=job.training.model_copy(update=self.options.model_dump()),
        )
        yield from train(features.OnFeatures(probe.head), of_head)
        features.absorb(first, mean, spread)
        return model.eval()

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:
        """Write the whole model, as plain as any other."""
        from luthier.models.load import save_model

        save_model(model, tokenizer, folder)

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read the whole model back."""
        from luthier.models.load import load_saved

        return load_saved(folder)
