"""One optimizer step in TensorFlow, in the halves that the loop asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import torch

from luthier.items import Batch
from luthier.job import Job
from luthier.keras_engine.batches import TARGETS, spec_of
from luthier.keras_engine.losses import make_loss
from luthier.keras_engine.optimizer import KerasOptimizer
from luthier.keras_engine.twin import Twin
from luthier.training.microbatches import MicroBatches

SEEDS = 2**31 - 1


class Update:
    """One optimizer step: the gradient, and the step along it.

    Args:
        twin: What is trained.
        job: Says the loss.
        pieces: Cuts batches that do not fit into memory.
    """

    def __init__(self, twin: Twin, job: Job, pieces: MicroBatches):
        self.twin, self.pieces = twin, pieces
        self.loss = make_loss(job.plan.objective)
        self.most = job.plan.training.max_grad_norm or math.inf
        partners: dict[int, list[Any]] = {}
        for pair in twin.trained():
            partners.setdefault(id(pair.weight), []).append(pair.variable)
        named = [(name, one) for name, one in twin.model.named_parameters() if id(one) in partners]
        self.optimizer = KerasOptimizer(
            named, partners, job.plan.training, lr_multipliers=job.plan.lr_multipliers
        )
        self._watched = [one.value for one in self.optimizer.variables]
        self._graph: Any = None

    def gradient(self, batches: list[Batch[Any]]) -> tuple[float, float]:
        """Compute the gradient over accumulated batches; give the mean loss and its norm.

        As in `training/update.py`, losses are divided by the weight of all batches.
        """
        weight = float(sum(self.loss.weight(batch.targets) for batch in batches))

        def work(pieces: list[Batch[Any]]) -> tuple[float, Any]:
            total, gradients = 0.0, None
            for piece in pieces:
                seed = tf.constant(int(torch.randint(SEEDS, ())), tf.int64)
                with telling_of_memory():
                    share, own = self._differentiate(
                        {**piece.inputs, TARGETS: piece.targets}, weight, seed
                    )
                total += float(share)
                gradients = own if gradients is None else _sum(gradients, own)
            return total, gradients

        total, gradients = self.pieces.compute(work, batches)
        clipped, norm = _clip(gradients, tf.constant(self.most, tf.float32))
        self.optimizer.take(clipped)
        return total, float(norm)

    def _differentiate(self, batch: Mapping[str, Any], weight: float, seed: Any) -> Any:
        if self._graph is None:
            signature = {name: spec_of(one) for name, one in batch.items()}
            scalars = (tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int64))
            self._graph = tf.function(self._traced, input_signature=(signature, *scalars))
        return self._graph(dict(batch), tf.constant(weight, tf.float32), seed)

    def _traced(self, batch: Mapping[str, Any], weight: Any, seed: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._watched)
            share = self._summed(batch, seed=seed) / weight
        found = tape.gradient(
            share, self._watched, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return share, [tf.convert_to_tensor(one) for one in found]

    def _summed(self, batch: Mapping[str, Any], *, seed: Any = None) -> Any:
        inputs = {name: one for name, one in batch.items() if name != TARGETS}
        if self.loss.decoder:
            inputs |= self.twin.shifted(batch[TARGETS])
        said = self.twin(inputs, training=seed is not None, seed=seed)
        return self.loss.total(said, batch[TARGETS], batch.get("attention_mask"))

    def loss_of(self, batch: Batch[torch.Tensor]) -> torch.Tensor:
        """Compute the summed loss of a batch of PyTorch's tensors, without dropout."""
        given = batch.map(lambda values: tf.constant(values.numpy()))
        total = self._summed({**given.inputs, TARGETS: given.targets})
        return torch.tensor(float(total))


@contextmanager
def telling_of_memory() -> Iterator[None]:
    """Say by Python's own error that memory did not suffice."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as problem:
        raise MemoryError("out of memory") from problem


@tf.function(reduce_retracing=True)
def _sum(some: list[Any], others: list[Any]) -> list[Any]:
    return [one + other for one, other in zip(some, others, strict=True)]


@tf.function(reduce_retracing=True)
def _clip(gradients: list[Any], most: Any) -> tuple[list[Any], Any]:
    """Scale gradients whose common norm is larger; PyTorch adds 1e-6 to it too."""
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(one * one) for one in gradients]))
    share = tf.minimum(most / (norm + 1e-6), 1.0)
    return [one * share for one in gradients], norm
