"""One optimizer step: the gradient over its batches, then the update. Next: `loop.py`."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim import Optimizer

from luthier.distributed.group import group
from luthier.hf_types import Model
from luthier.job import Job, Regulariser
from luthier.models.batch_norms import pretrained_norms
from luthier.models.speedups.head import head_only_at
from luthier.models.speedups.host_copies import is_far, on_device, to_device
from luthier.padding import IGNORED
from luthier.training.losses import make_loss
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch, run_model, targets_of, to_tensors
from luthier.training.shards import is_sharded, whole
from luthier.training.state import begin_share


class Update:
    """One optimizer step in two halves: the gradient, then the update.

    Args:
        model: The model, as Accelerate prepared it.
        optimizer: The optimizer, as Accelerate prepared it.
        accelerator: Device, precision and processes.
        job: The job, whose plan names the loss.
        pieces: Splits batches that do not fit into memory.
        only_labelled: Whether the language head runs only on labelled tokens.
    """

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        accelerator: Accelerator,
        job: Job,
        pieces: MicroBatches,
        *,
        only_labelled: bool,
    ):
        self.model, self.optimizer, self.accelerator = model, optimizer, accelerator
        self.loss = make_loss(job.plan.objective, accelerator.device)
        self.weight = make_loss(
            job.plan.objective, torch.device("cpu")
        ).weight  # labels are on the host
        self.most = job.plan.training.max_grad_norm or math.inf
        self.pieces, self.regularisers = pieces, job.plan.regularisers
        self.stepping = [  # only they need the rates, which are gathered in every step
            one for one in self.regularisers if type(one).before_step is not Regulariser.before_step
        ]
        self.only_labelled = only_labelled
        self.trained = list(model.parameters())
        self.norms = pretrained_norms(model)
        self.is_sharded = is_sharded(model)
        if self.is_sharded:
            items = job.problem.items["train"]
            first = np.arange(
                1 if items.groups is None else (items.groups == items.groups[0]).sum()
            )
            self.spare = to_tensors(job.problem.codec.batch(items, first, epoch=0))
        self.by_rows = self.loss.by_rows and not any(one.by_batch for one in self.regularisers)
        is_cut = self.by_rows and not is_far(accelerator.device)
        self.tokens = job.plan.training.tokens_at_once if is_cut else None

    def gradient(self, batches: list[TensorBatch]) -> tuple[Tensor, Tensor]:
        """Compute the gradient over accumulated batches; return the mean loss and the norm.

        Batches are on the host; nothing is read from a device (`models/speedups/host_copies.py`).

        The loss of each batch is divided by the total weight of all batches and processes, so eight
        batches of one row give the gradient of one batch of eight. Dividing by the number of
        batches would not, once their sizes or class weights differ.
        """
        weights = [self.weight(targets_of(one), one.weights) for one in batches]
        weight = group().sum(torch.stack([torch.zeros(()), *weights]).sum())
        weight = weight.clamp(min=torch.finfo(torch.float32).tiny)
        weight = to_device(weight, self.accelerator.device)

        def work(pieces: list[TensorBatch]) -> Tensor:
            self.optimizer.zero_grad()
            for one in self.regularisers:
                one.before_gradient(self.model)
            n_spare = group().largest(len(pieces)) - len(pieces) if self.is_sharded else 0
            total = torch.zeros((), device=self.accelerator.device)
            for piece in pieces:
                begin_share(piece)
                share = self.regularised(piece) / weight
                self.accelerator.backward(share)
                total += share.detach()
            for _ in range(n_spare):  # every process passes as often through a sharded model
                self.accelerator.backward(self.summed(self.spare) * 0.0)
            for one in self.regularisers:
                if (penalty := one.penalty(self.model)) is not None:
                    self.accelerator.backward(penalty / group().size)
            for one in self.regularisers:
                one.backward(partial(self._add_gradient, pieces, weight), self.model)
            return total

        self.model.train()
        for norm in self.norms:
            norm.eval()
        total = self.pieces.compute(
            work,
            batches,
            by_rows=self.by_rows,
            tokens=self.tokens,
            once=self.is_sharded,
        )
        if self.is_sharded:
            total = group().sum(total)
        else:
            total = group().sum_gradients(self.trained, total)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.most)
        return total, whole(norm)

    def summed(self, batch: TensorBatch) -> Tensor:
        """Compute the summed loss of a batch on the host."""
        places = targets_of(batch) != IGNORED if self.only_labelled else None
        with on_device(batch, self.accelerator.device) as moved:
            with head_only_at(self.model, places):
                outputs = run_model(self.model, moved, decoder=self.loss.decoder)
            return self.loss.total(outputs, targets_of(moved), moved.weights)

    def _add_gradient(
        self, pieces: list[TensorBatch], weight: Tensor, *, same_dropout: bool = False
    ) -> None:
        """Add the gradient again, at the current weights."""
        for piece in pieces:
            begin_share(piece, again=not same_dropout)
            self.accelerator.backward(self.summed(piece) / weight)

    def regularised(self, batch: TensorBatch) -> Tensor:
        """Compute the summed loss of a batch, as modified by the regularisers."""
        compute = self.summed
        for one in self.regularisers:
            compute = partial(one.loss, compute, self.model)
        return compute(batch)

    def step(self) -> None:
        """Update the weights; the gradient stays readable until the next one is computed."""
        if self.stepping:
            rate_of = {
                id(parameter): group["lr"]
                for group in self.optimizer.param_groups
                for parameter in group["params"]
            }
            named = self.model.named_parameters()
            rates = {name: rate_of[id(one)] for name, one in named if id(one) in rate_of}
            for one in self.stepping:
                one.before_step(self.model, rates)
        self.optimizer.step()
