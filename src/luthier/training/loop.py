"""THE loop: from a model and a job to a trained model, one `StepInfo` at a time.

It is a generator. It trains, evaluates, keeps the best weights and stops early; logging, progress
bars and web pages only listen. Devices, mixed precision and several processes are Accelerate's.
Read `update` first: one optimizer step. Then `train`: which steps there are.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from luthier.errors import TrainingError
from luthier.recipe.tree import Training
from luthier.records import Job, StepInfo
from luthier.seeding import seed_of
from luthier.training.batches import BatchOrder, Tensors, make_loader
from luthier.training.blocks import refuse_leaking_blocks
from luthier.training.objectives import Loss, make_loss, run_model
from luthier.training.optimizer import make_optimizer, make_schedule
from luthier.training.predict import predict_quietly
from luthier.training.stopping import Best


def train(model: Any, job: Job) -> Generator[StepInfo, None, Any]:
    """Train all parameters that require gradients; the return value is the trained model.

    Raises:
        TrainingError: The loss is not a finite number.
    """
    settings: Training = job.training
    torch.manual_seed(seed_of(settings.seed, "training"))
    accelerator = make_accelerator(settings)
    order = BatchOrder(
        job.encoded["train"].lengths,
        batch_size=settings.per_device_train_batch_size,
        strategy=settings.train_sampling_strategy,
        seed=settings.seed,
    )
    loader = make_loader(
        job.encoded["train"], job.collate, order, n_workers=settings.dataloader_num_workers
    )
    if settings.gradient_checkpointing:
        save_memory(model)
    if "position_ids" in job.encoded["train"].inputs:
        refuse_leaking_blocks(model)
    optimizer = make_optimizer(model.named_parameters(), settings)
    prepared, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    n_steps, steps_per_epoch = count_steps(len(loader), settings)
    schedule = make_schedule(optimizer, settings, n_steps=n_steps)
    loss = make_loss(job.objective, accelerator.device)
    best = Best(job.main_metric, settings)
    window = Window()
    has_validation = len(job.encoded["validation"]) > 0

    for step, (epoch, batches) in enumerate(steps(loader, order, settings, n_steps), start=1):
        prepared.train()
        rate = optimizer.param_groups[0]["lr"]
        total, norm = update(prepared, batches, loss, optimizer, accelerator, settings)
        schedule.step()
        window.add(total)
        scores, is_best = None, False
        if has_validation and evaluation_due(step, steps_per_epoch, n_steps, settings):
            scores = evaluate(prepared, job)
            is_best = best.see(scores, model, is_last=step == n_steps)
        loss_now = None
        if step % settings.logging_steps == 0 or step == n_steps or scores is not None:
            loss_now = window.mean()
            refuse_what_is_not_finite(loss_now, step, settings.learning_rate)
        yield StepInfo(
            job.phase,
            step,
            n_steps,
            epoch=epoch,
            rows=sum(len(batch["labels"]) for batch in batches),
            loss=loss_now,
            learning_rate=rate,
            gradient_norm=None if loss_now is None or norm is None else float(norm),
            scores=scores,
            is_best=is_best,
            message=best.verdict if best.is_over else None,
        )
        if best.is_over:
            break
    model = accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    best.restore(model)
    return model.eval()


def count_steps(n_batches: int, settings: Training) -> tuple[int, int]:
    """Count the optimizer steps of the training and of one epoch."""
    steps_per_epoch = math.ceil(n_batches / settings.gradient_accumulation_steps)
    if settings.max_steps > 0:
        return settings.max_steps, steps_per_epoch
    return math.ceil(steps_per_epoch * settings.num_train_epochs), steps_per_epoch


def save_memory(model: Any) -> None:
    """Have the model compute its activations again going back, rather than keep them."""
    # Transformers 5.2x renames it; the old name is to go in version 6.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)()


def update(
    model: Any,
    batches: list[Tensors],
    loss: Loss,
    optimizer: Any,
    accelerator: Accelerator,
    settings: Training,
) -> tuple[Tensor, Tensor | None]:
    """Take one optimizer step over accumulated batches; give the mean loss and gradient norm.

    The loss of each batch is divided by the weight of all of them, over all processes: eight
    batches of one row give the gradient of one batch of eight. Dividing by the number of batches
    would not, as soon as their sizes or class weights differ.
    """
    weight = torch.stack([loss.weight(batch["labels"]) for batch in batches]).sum()
    if accelerator.num_processes > 1:  # gradients are averaged over processes, so is the weight
        weight = accelerator.reduce(weight, "mean")
    total = torch.zeros((), device=accelerator.device)
    for batch in batches:
        share = loss.total(run_model(model, batch, decoder=loss.decoder), batch["labels"]) / weight
        accelerator.backward(share)
        total += share.detach()
    norm = None
    if settings.max_grad_norm > 0:
        norm = accelerator.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return total, norm


def steps(
    loader: Any, order: BatchOrder, settings: Training, n_steps: int
) -> Iterator[tuple[float, list[Tensors]]]:
    """Walk over the batches of each optimizer step, with the epochs done after it."""
    _, steps_per_epoch = count_steps(len(loader), settings)
    done = 0
    for epoch in count():
        order.set_epoch(epoch)
        accumulated = windows(loader, settings.gradient_accumulation_steps)
        for number, batches in enumerate(accumulated, start=1):
            yield epoch + number / steps_per_epoch, batches
            done += 1
            if done == n_steps:
                return


def windows(loader: Iterable[Tensors], size: int) -> Iterator[list[Tensors]]:
    """Cut a stream of batches into lists of `size`; the last may be shorter."""
    stream = iter(loader)
    while batches := list(islice(stream, size)):
        yield batches


def evaluation_due(step: int, steps_per_epoch: int, n_steps: int, settings: Training) -> bool:
    """Say whether the validation rows are to be scored after this step."""
    if settings.eval_strategy == "no":
        return False
    every = settings.eval_steps if settings.eval_strategy == "steps" else steps_per_epoch
    return step == n_steps or step % (every or steps_per_epoch) == 0


def evaluate(model: Any, job: Job) -> dict[str, float]:
    """Score the validation rows."""
    return job.evaluate(predict_quietly(model, job, "validation", readings=[job.task.watched]))


def make_accelerator(settings: Training) -> Accelerator:
    """Choose device and precision; each training chooses anew, also within one process."""
    AcceleratorState._reset_state()
    precision = "bf16" if settings.bf16 else "fp16" if settings.fp16 else "no"
    return Accelerator(cpu=settings.use_cpu, mixed_precision=precision)


def refuse_what_is_not_finite(loss: float, step: int, learning_rate: float) -> None:
    """Stop rather than train on with a loss that means nothing."""
    if not math.isfinite(loss):
        raise TrainingError(
            "The training loss is no longer a finite number.",
            received=f"loss {loss} at step {step}, learning rate {learning_rate:.2g}",
            hint=f"training.learning_rate={learning_rate / 10:.1e}",
        )


@dataclass
class Window:
    """The losses since the last report, kept on the device: reading one makes a GPU wait."""

    losses: list[Tensor] = field(default_factory=list)

    def add(self, loss: Tensor) -> None:
        """Take the loss of one step."""
        self.losses.append(loss)

    def mean(self) -> float:
        """Give their mean, and begin anew."""
        mean = float(torch.stack(self.losses).mean())
        self.losses.clear()
        return mean
