"""The TensorFlow engine: what the training loop asks of an engine, done by Keras.

A PyTorch model is copied into its twin (`twin.py`) and the twin is trained. Whenever the model is
needed (to score validation rows, to save, at the end) the twin's weights are copied back. So
everything before and after training is the same for both engines, and the scores are those of the
checkpoint that is kept. TensorFlow is imported when a training starts, not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from torch import Tensor
from transformers import PretrainedConfig

from luthier.errors import ModelError, RecipeError
from luthier.hf_types import Model
from luthier.items import Batch, Items
from luthier.job import Job
from luthier.keras_engine.backend import require, require_twin, set_up
from luthier.keras_engine.counterparts import OPTIMIZERS
from luthier.keras_engine.kinds import Part
from luthier.models.speedups.vocabulary import compact, words_in
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.training.batch_sampler import BatchOrder
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch
from luthier.training.optimizer import check_training

if TYPE_CHECKING:
    import tensorflow as tf

    from luthier.keras_engine.batches import Batches

TORCH = "engine=torch"


class KerasEngine:
    """Trains a model's twin in Keras, by TensorFlow.

    Args:
        model: The model to train.
        job: The rows to train it on, and the settings.
    """

    name: ClassVar[str] = "tensorflow"

    def __init__(self, model: Part, job: Job):
        set_up()
        settings: Training = job.plan.training
        self.half = settings.bf16 is True
        self.model = model
        self.job = job.with_plan(training=settings.model_copy(update={"bf16": self.half}))
        self.notice = "; ".join(left_out(model, settings)) or None
        self.reads_without_sync, self.scaler = True, None

    @staticmethod
    def check(settings: Training) -> None:
        """Refuse settings that could only fail later.

        Raises:
            RecipeError: A package is missing, or TensorFlow has no counterpart of a setting.
        """
        require("engine=tensorflow", otherwise=TORCH)
        check_training(settings)
        problems, known = [], OPTIMIZERS.get(settings.optim)
        if known is None:
            problems.append(
                f"training.optim: Keras has no {settings.optim} that steps as "
                f"PyTorch's does; it has {', '.join(OPTIMIZERS)}"
            )
        others = set(settings.optim_args) - set(() if known is None else known.options)
        problems += [f"training.optim_args.{one}: PyTorch only" for one in sorted(others)]
        fields = ("fp16", "gradient_checkpointing", "torch_compile", "virtual_processes")
        problems += [f"training.{one}: PyTorch only" for one in fields if getattr(settings, one)]
        if settings.sharding != "none":
            problems.append("training.sharding: PyTorch only")
        if (n_processes := os.environ.get("WORLD_SIZE", "1")) != "1":
            problems.append(f"{n_processes} processes (WORLD_SIZE): PyTorch only")
        if problems:
            raise RecipeError(
                "TensorFlow cannot follow the training section.",
                received="; ".join(problems),
                hint=f"leave them out, or {TORCH}",
            )

    @staticmethod
    def check_model(config: PretrainedConfig) -> None:
        """Refuse a family that has no twin.

        Raises:
            ModelError: There is no twin of the family.
        """
        require_twin(config.model_type, "engine=tensorflow", otherwise=TORCH)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Compact the vocabulary of the model while it is trained; the twin does the rest."""
        vocabulary, job = None, self.job
        self.places: Array | None = None
        if job.plan.training.compact_vocabulary:
            used = words_in(job.problem.items, job.problem.codec.processor)
            vocabulary = compact(cast(Model, self.model), used, job.plan.training)
        if vocabulary is None:
            yield
            return
        vocabulary.put_in()
        self.places = vocabulary.places.numpy()
        try:
            yield
        finally:
            vocabulary.take_out()

    def prepare(self, order: BatchOrder, pieces: MicroBatches) -> Batches:
        """Make the twin and the optimizer; give the batches in an order."""
        from luthier.keras_engine.batches import Batches
        from luthier.keras_engine.twin import Twin
        from luthier.keras_engine.update import Update

        self.twin = Twin(self.model, half=self.half, places=self.places)
        self.is_synced = True  # the model's weights are the twin's
        self.update = Update(self.twin, self.job, pieces)
        self.twin.refuse_inputs([*self.job.problem.items["train"].inputs, "attention_mask"])
        self.optimizer = self.update.optimizer
        refuse_weights(self.job.problem.items["train"])
        return Batches(self.job.problem.items["train"], self.job.problem.codec, order)

    def load_from_model(self) -> None:
        """Continue from the weights that a checkpoint has put into the model."""
        self.twin.give()
        self.is_synced = True

    def gradient(self, batches: list[Batch[tf.Tensor]]) -> tuple[float, float]:
        """Compute the gradient over batches; give the mean loss and the gradient's norm."""
        return self.update.gradient(batches)

    def loss_of(self, batch: TensorBatch) -> Tensor:
        """Compute the summed loss of a batch of PyTorch tensors."""
        return self.update.loss_of(batch)

    def step(self) -> None:
        """Take a step along the gradient."""
        self.optimizer.step()
        self.is_synced = False

    def sync_model(self) -> Any:
        """Copy the twin's weights into the model, once after a step, and give the model."""
        if not self.is_synced:
            self.twin.take_back()
            self.is_synced = True
        return self.model.eval()


def left_out(model: Part, settings: Training) -> Iterator[str]:
    """Yield what was asked for and has no effect here, in words."""
    rates = [
        one.p
        for part in model.modules()
        for one in getattr(part, "lora_dropout", {}).values()
        if hasattr(one, "p")
    ]
    if any(rates):  # it applies to the inputs of a layer, and the twin changes its weights
        yield f"TensorFlow leaves out LoRA's dropout, here {max(rates):g}"
    if n_workers := settings.dataloader_num_workers:
        yield (
            "TensorFlow makes batches in a thread of its own: "
            f"training.dataloader_num_workers={n_workers} is ignored"
        )


def refuse_weights(items: Items) -> None:
    """Raise where items weigh differently in the loss.

    Raises:
        ModelError: They do; the losses of this engine take no weights.
    """
    if items.weights is not None:
        raise ModelError(
            "Rows that weigh differently are learned by PyTorch alone.",
            received="engine=tensorflow and item weights",
            hint=TORCH,
        )
