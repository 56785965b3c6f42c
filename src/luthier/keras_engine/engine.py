"""The engine of TensorFlow: what the loop asks of an engine, done by Keras.

A model of PyTorch is read into its twin (`twin.py`), the twin is trained, and whenever the model is
looked at (to score validation rows, to save, at the end) the twin's weights are put back into it.
So everything before a training and after it is the same for both engines, and what is judged is
the checkpoint that is kept. TensorFlow is imported when a training begins, not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from luthier.errors import RecipeError
from luthier.job import Job
from luthier.keras_engine.backend import require, require_twin, set_up
from luthier.models.speedups.vocabulary import compact, words_in
from luthier.recipe.tree import Training
from luthier.training.batch_sampler import BatchOrder
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch
from luthier.training.optimizer import check_training

OPTIMIZERS: dict[str, tuple[str, ...]] = {  # that step as PyTorch's do, and their options
    "adamw_torch": ("amsgrad", "eps"),
    "adamw_torch_fused": ("amsgrad", "eps"),
    "adam": ("amsgrad", "eps"),
    "sgd": ("momentum", "nesterov"),
    "rmsprop": ("alpha", "centered", "eps", "momentum"),
    "adagrad": ("eps", "initial_accumulator_value"),
    "adamax": ("eps",),
}
TORCH = "engine=torch"


class KerasEngine:
    """Trains a model's twin in Keras, by TensorFlow.

    Args:
        model: To be trained.
        job: Says what from, and how.
    """

    name: ClassVar[str] = "tensorflow"

    def __init__(self, model: Any, job: Job):
        set_up()
        settings: Training = job.plan.training
        self.half = settings.bf16 is True
        self.model = model
        self.job = job.with_plan(training=settings.model_copy(update={"bf16": self.half}))
        self.notice = left_out(model)
        self.n_processes, self.reads_without_sync, self.scaler = 1, True, None

    @staticmethod
    def check(settings: Training) -> None:
        """Refuse what could only fail later.

        Raises:
            RecipeError: A package is missing, or TensorFlow has no counterpart of what is asked.
        """
        require("engine=tensorflow", otherwise=TORCH)
        check_training(settings)
        problems = []
        if settings.optim not in OPTIMIZERS:
            problems.append(
                f"training.optim: Keras has no {settings.optim} that steps as "
                f"PyTorch's does; it has {', '.join(OPTIMIZERS)}"
            )
        others = set(settings.optim_args) - set(OPTIMIZERS.get(settings.optim, ()))
        problems += [f"training.optim_args.{one}: is of PyTorch alone" for one in sorted(others)]
        for field in ("fp16", "gradient_checkpointing", "torch_compile"):
            if getattr(settings, field):
                problems.append(f"training.{field}: is of PyTorch alone")
        if (n_processes := os.environ.get("WORLD_SIZE", "1")) != "1":
            problems.append(f"{n_processes} processes (WORLD_SIZE): they are of PyTorch alone")
        if problems:
            raise RecipeError(
                "The training section cannot be followed by TensorFlow.",
                received="; ".join(problems),
                hint=f"leave them out, or {TORCH}",
            )

    @staticmethod
    def check_model(config: Any) -> None:
        """Refuse a family that there is no twin of.

        Raises:
            ModelError: There is none.
        """
        require_twin(config.model_type, "engine=tensorflow", otherwise=TORCH)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Leave words that no row has out of the model; all else is done in its twin."""
        vocabulary, settings = None, self.job.plan.training
        if settings.compact_vocabulary:
            used = words_in(self.job.problem.items, self.job.problem.codec.processor)
            vocabulary = compact(self.model, used, settings)
        if vocabulary is None:
            self.places = None
            yield
            return
        vocabulary.put_in()
        self.places = vocabulary.places.numpy()
        try:
            yield
        finally:
            vocabulary.take_out()

    def prepare(self, order: BatchOrder, pieces: MicroBatches) -> Any:
        """Make the twin and the optimizer, and what gives batches in an order."""
        from luthier.keras_engine.batches import Batches
        from luthier.keras_engine.twin import Twin
        from luthier.keras_engine.update import Update

        self.twin = Twin(self.model, half=self.half, places=self.places)
        self.update = Update(self.twin, self.job, pieces)
        self.twin.refuse_inputs([*self.job.problem.items["train"].inputs, "attention_mask"])
        self.optimizer = self.update.optimizer
        return Batches(self.job.problem.items["train"], self.job.problem.codec, order)

    def load_from_model(self) -> None:
        """Go on from the weights that a checkpoint has put into the model."""
        self.twin.give()

    def gradient(self, batches: list[Any]) -> tuple[float, float]:
        """Compute the gradient over batches; give the mean loss, and its norm."""
        return self.update.gradient(batches)

    def loss_of(self, batch: TensorBatch) -> Any:
        """Compute the summed loss of a batch of PyTorch's tensors."""
        return self.update.loss_of(batch)

    def step(self) -> None:
        """Step along the gradient."""
        self.optimizer.step()

    def sync_model(self) -> Any:
        """Put the twin's weights into the model, and give it."""
        self.twin.take_back()
        return self.model.eval()


def left_out(model: Any) -> str | None:
    """Tell what of a model its twin does not do: LoRA's dropout is of inputs, not of weights."""
    rates = [
        one.p
        for part in model.modules()
        for one in getattr(part, "lora_dropout", {}).values()
        if hasattr(one, "p")
    ]
    if not any(rates):
        return None
    return f"TensorFlow does without LoRA's own dropout, here {max(rates):g}"
