"""One optimizer step in TensorFlow, in the two halves that the loop asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf
import torch
from tensorflow import Tensor

from luthier.items import Batch
from luthier.job import Job
from luthier.keras_engine.batches import TARGETS, spec_of
from luthier.keras_engine.kinds import Tensors
from luthier.keras_engine.losses import make_loss
from luthier.keras_engine.optimizer import KerasOptimizer
from luthier.keras_engine.twin import Twin
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch

SEEDS = 2**31 - 1
Gradients = list[Tensor]  # one for each variable that is trained
Differentiated = tuple[Tensor, Gradients]  # a loss, and its gradients


class Update:
    """One optimizer step: first the gradient, then the step along it.

    Args:
        twin: The twin that is trained.
        job: The training, which names the loss.
        pieces: Cuts batches that do not fit into memory.
    """

    def __init__(self, twin: Twin, job: Job, pieces: MicroBatches):
        self.twin, self.pieces = twin, pieces
        self.loss = make_loss(job.plan.objective)
        self.max_norm = job.plan.training.max_grad_norm or math.inf
        partners: dict[int, list[keras.Variable]] = {}
        for pair in twin.trained():
            partners.setdefault(id(pair.weight), []).append(pair.variable)
        named = [(name, one) for name, one in twin.model.named_parameters() if id(one) in partners]
        self.optimizer = KerasOptimizer(
            named, partners, job.plan.training, lr_multipliers=job.plan.lr_multipliers
        )
        self._watched = [one.value for one in self.optimizer.variables]
        self._graph: tf.types.experimental.PolymorphicFunction | None = None

    def gradient(self, batches: list[Batch[tf.Tensor]]) -> tuple[float, float]:
        """Compute the gradient over accumulated batches; give the mean loss and its norm.

        As in `training/update.py`, losses are divided by the weight of all batches.
        """
        weight = float(sum(self.loss.weight(batch.targets) for batch in batches))

        def work(pieces: list[Batch[tf.Tensor]]) -> tuple[float, Gradients | None]:
            total, gradients = 0.0, None
            for piece in pieces:
                seed = tf.constant(int(torch.randint(SEEDS, ())), tf.int64)
                with memory_errors():
                    share, own = self._differentiate(tensors_of(piece), weight, seed)
                total += float(share)
                gradients = own if gradients is None else _sum(gradients, own)
            return total, gradients

        total, gradients = self.pieces.compute(work, batches)
        clipped, norm = _clip(gradients, tf.constant(self.max_norm, tf.float32))
        self.optimizer.take(clipped)
        return total, float(norm)

    def _differentiate(self, batch: Tensors, weight: float, seed: Tensor) -> Differentiated:
        """Compute a batch's share of the mean loss and its gradients, by a graph for any shape."""
        if self._graph is None:
            signature = {name: spec_of(one) for name, one in batch.items()}
            scalars = (tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int64))
            self._graph = tf.function(
                self._traced, input_signature=(signature, *scalars), autograph=False
            )
        found: Differentiated = self._graph(dict(batch), tf.constant(weight, tf.float32), seed)
        return found

    def _traced(self, batch: Tensors, weight: Tensor, seed: Tensor) -> Differentiated:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._watched)
            share = self._summed(batch, seed=seed) / weight
        found = tape.gradient(
            share, self._watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return share, [tf.convert_to_tensor(one) for one in found]

    def _summed(self, batch: Tensors, *, seed: Tensor | None = None) -> Tensor:
        inputs = {name: one for name, one in batch.items() if name != TARGETS}
        if self.loss.decoder:
            inputs |= self.twin.shifted(batch[TARGETS])
        outputs = self.twin(inputs, training=seed is not None, seed=seed)
        return self.loss.total(outputs, batch[TARGETS], batch.get("attention_mask"))

    def loss_of(self, batch: TensorBatch) -> torch.Tensor:
        """Compute the summed loss of a batch of PyTorch tensors, without dropout."""
        given = batch.map(lambda values: tf.constant(values.numpy()))
        total = self._summed(tensors_of(given))
        return torch.tensor(float(total))


def tensors_of(batch: Batch[tf.Tensor]) -> Tensors:
    """Put targets beside the inputs: a graph takes one mapping."""
    return {**batch.inputs, TARGETS: batch.targets}


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn TensorFlow's out-of-memory error into Python's."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as problem:
        raise MemoryError("out of memory") from problem


@tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator]
def _sum(some: Gradients, others: Gradients) -> Gradients:
    return [one + other for one, other in zip(some, others, strict=True)]


@tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator]
def _clip(gradients: Gradients, max_norm: Tensor) -> tuple[Gradients, Tensor]:
    """Scale gradients down to a common norm; PyTorch adds 1e-6 to the norm, too."""
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(one * one) for one in gradients]))
    share = tf.minimum(max_norm / (norm + 1e-6), 1.0)
    return [one * share for one in gradients], norm
