"""One optimizer step: the gradient over its batches, and the step along it. Next: `loop.py`."""

from __future__ import annotations

import math
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from luthier.models.speedups.head import head_only_at
from luthier.models.speedups.host_copies import is_far, on_device, to_device
from luthier.records import Job
from luthier.training.batch_sampler import Tensors
from luthier.training.losses import IGNORED, make_loss, run_model
from luthier.training.microbatches import MicroBatches


class Update:
    """One optimizer step, in two halves: the gradient, and the step along it.

    Args:
        model: As Accelerate prepared it. `optimizer`: Likewise.
        accelerator: Of device, precision and processes.
        job: Says the loss.
        pieces: Cuts batches that do not fit into memory.
        only_labelled: Whether words are scored only where there is a label.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        accelerator: Accelerator,
        job: Job,
        pieces: MicroBatches,
        *,
        only_labelled: bool,
    ):
        self.model, self.optimizer, self.accelerator = model, optimizer, accelerator
        self.loss = make_loss(job.objective, accelerator.device)
        self.weight = make_loss(job.objective, torch.device("cpu")).weight  # as labels are
        self.most = job.training.max_grad_norm or math.inf
        self.pieces = pieces
        self.only_labelled = only_labelled
        is_cut = self.loss.by_rows and not is_far(accelerator.device)
        self.tokens = job.training.tokens_at_once if is_cut else None

    def gradient(self, batches: list[Tensors]) -> tuple[Tensor, Tensor]:
        """Compute the gradient over accumulated batches; give the mean loss and its norm, unread.

        Batches are on the host; nothing is read from a device (`models/speedups/host_copies.py`).

        The loss of each batch is divided by the weight of all of them, over all processes: eight
        batches of one row give the gradient of one batch of eight. Dividing by the number of
        batches would not, as soon as their sizes or class weights differ.
        """
        weights = [self.weight(batch["labels"]) for batch in batches]
        weight = to_device(torch.stack(weights).sum(), self.accelerator.device)
        if self.accelerator.num_processes > 1:  # as gradients are, the weight is averaged
            weight = self.accelerator.reduce(weight, "mean")

        def work(pieces: list[Tensors]) -> Tensor:
            self.optimizer.zero_grad()
            total = torch.zeros((), device=self.accelerator.device)
            for piece in pieces:
                share = self.summed(piece) / weight
                self.accelerator.backward(share)
                total += share.detach()
            return total

        self.model.train()
        total = self.pieces.compute(work, batches, by_rows=self.loss.by_rows, tokens=self.tokens)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.most)
        return total, norm

    def summed(self, batch: Tensors) -> Tensor:
        """Compute the summed loss of a batch that is on the host."""
        places = batch["labels"] != IGNORED if self.only_labelled else None
        with on_device(batch, self.accelerator.device) as moved:
            with head_only_at(self.model, places):
                said = run_model(self.model, moved, decoder=self.loss.decoder)
            return self.loss.total(said, moved["labels"])

    def step(self) -> None:
        """Step along the gradient."""
        self.optimizer.step()
        self.optimizer.zero_grad()
