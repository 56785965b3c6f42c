"""THE loop: from a model and a job to a trained model, one `StepInfo` at a time.

It is a generator. It trains, evaluates, keeps the best weights, stops early and saves what going on
needs; logging, progress bars and web pages only listen. Devices, mixed precision and several
processes are Accelerate's. Read `Update` first: one optimizer step. Then `train`. Which batches a
step has: `course.py`. What is saved: `checkpoint.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin
from torch import Tensor

from luthier.errors import TrainingError
from luthier.interruption import asked, end, patience
from luthier.models.anatomy import compute_again
from luthier.models.exact.head import head_only_at
from luthier.models.exact.install import faster
from luthier.models.exact.vocabulary import compact, words_in
from luthier.recipe.tree import Training
from luthier.records import Job, StepInfo
from luthier.seeding import seed_of
from luthier.training.batches import BatchOrder, Tensors, make_loader, to_tensors
from luthier.training.blocks import refuse_leaking_blocks
from luthier.training.calibration import calibrate, precision_of
from luthier.training.checkpoint import Keeper
from luthier.training.course import Course
from luthier.training.divergence import refuse_step
from luthier.training.labelled import can_skip_unlabelled
from luthier.training.memory import MicroBatches
from luthier.training.objectives import IGNORED, make_loss, outputs_that_count, run_model
from luthier.training.optimizer import make_optimizer, make_schedule, set_rate
from luthier.training.predict import predict_quietly
from luthier.training.state import State, seed_all
from luthier.training.stopping import Best
from luthier.training.window import Window


def train(model: Any, job: Job) -> Generator[StepInfo, None, Any]:
    """Train all parameters that require gradients; the return value is the trained model.

    With a run folder (`job.run`) its state is saved there, and a training that was interrupted goes
    on from what was saved.

    Raises:
        TrainingError: The loss, a gradient or a weight is not a finite number.
    """
    settings: Training = job.training
    seed_all(seed_of(settings.seed, "training"))
    if (choice := calibrate(model, job)) is not None:
        yield StepInfo(job.phase, 0, 0, message=choice.words)
    settings = settings.model_copy(update={"bf16": precision_of(settings, choice)})
    job = job.but(training=settings)
    accelerator = make_accelerator(settings)
    make_ready(model, job)
    only_labelled = can_skip_unlabelled(model, job, trial_batch(job))
    with speed_ups(model, job, accelerator):
        yield from steps(model, job, accelerator, only_labelled=only_labelled)
    return model.eval()


def steps(
    model: Any, job: Job, accelerator: Accelerator, *, only_labelled: bool
) -> Iterator[StepInfo]:
    """Take all steps, and leave the model with the weights that are wanted."""
    settings: Training = job.training
    order = make_order(job)
    n_workers = settings.dataloader_num_workers
    prepared, optimizer, loader = accelerator.prepare(
        model,
        make_optimizer(model.named_parameters(), settings, rates=job.rates),
        make_loader(job.encoded["train"], job.collate, order, n_workers=n_workers),
    )
    course = Course(loader, order, settings, n_processes=accelerator.num_processes)
    schedule = make_schedule(optimizer, settings, n_steps=course.n_steps)
    best, window, pieces = Best(job.main_metric, settings), Window(), MicroBatches(settings)
    state = State(model, optimizer, schedule, accelerator.scaler, best, window, pieces)
    keeper = Keeper(job, state, course)
    if (told := keeper.resume()) is not None:
        set_rate(schedule)
        yield told
    update = Update(prepared, optimizer, accelerator, job, pieces, only_labelled=only_labelled)
    has_validation = len(job.encoded["validation"]) > 0

    with patience():
        for step, batches in course.after(keeper.saved):
            if best.is_over:
                break
            rate = optimizer.param_groups[0]["lr"]
            with job.partly(model, step, course.n_steps) if job.partly else nullcontext():
                window.add(step, *update.gradient(batches))
            is_last = step == course.n_steps
            is_evaluated = has_validation and course.is_evaluated(step)
            is_told = step % settings.logging_steps == 0 or is_last or is_evaluated
            readings = window.read() if is_told or is_near(accelerator.device) else []
            for reading in readings:
                refuse_step(reading, job, partial(course.items, reading.step), update.summed)
            update.take()
            schedule.step()
            scores, is_best = None, False
            if is_evaluated:
                scores = evaluate(prepared, job)
                is_best = best.see(scores, model, is_last=is_last)
            yield StepInfo(
                job.phase,
                step,
                course.n_steps,
                epoch=course.epoch_after(step),
                rows=sum(len(batch["labels"]) for batch in batches),
                loss=window.mean() if is_told else None,
                learning_rate=rate,
                gradient_norm=readings[-1].norm if is_told else None,
                scores=scores,
                is_best=is_best,
                spike=next((one.loss for one in readings if one.is_spike), None),
                message=best.verdict if best.is_over else pieces.news(),
            )
            keeper.see(step, is_best=is_best, is_last=is_last or best.is_over)
            if asked():
                keeper.save(step)
                end(keeper.story(step))
    best.restore(model)
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)  # its precision ends with training


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
        self.most = job.training.max_grad_norm or math.inf
        self.pieces = pieces
        self.only_labelled = only_labelled

    def gradient(self, batches: list[Tensors]) -> tuple[Tensor, Tensor]:
        """Compute the gradient over accumulated batches; give the mean loss and its norm, unread.

        The loss of each batch is divided by the weight of all of them, over all processes: eight
        batches of one row give the gradient of one batch of eight. Dividing by the number of
        batches would not, as soon as their sizes or class weights differ.
        """
        weight = torch.stack([self.loss.weight(batch["labels"]) for batch in batches]).sum()
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
        total = self.pieces.compute(work, batches)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.most)
        return total, norm

    def summed(self, batch: Tensors) -> Tensor:
        """Compute the summed loss of a batch."""
        batch = {name: one.to(self.accelerator.device) for name, one in batch.items()}
        labels = batch["labels"]
        with head_only_at(self.model, labels != IGNORED if self.only_labelled else None):
            said = run_model(self.model, batch, decoder=self.loss.decoder)
        return self.loss.total(said, labels)

    def take(self) -> None:
        """Step along the gradient."""
        self.optimizer.step()
        self.optimizer.zero_grad()


def is_near(device: torch.device) -> bool:
    """Say whether to read a number is not to wait."""
    return device.type == "cpu"


def make_order(job: Job) -> BatchOrder:
    """Make the order of the training rows."""
    if job.order is not None:
        return job.order(job.encoded["train"], job.training)
    return BatchOrder(
        job.encoded["train"].lengths,
        batch_size=job.training.per_device_train_batch_size,
        strategy=job.training.train_sampling_strategy,
        seed=job.training.seed,
        tokens=job.training.tokens_per_batch,
    )


def make_ready(model: Any, job: Job) -> None:
    """Have the model compute activations again where memory is short; try it out on blocks."""
    if job.training.gradient_checkpointing:
        compute_again(model)
    if "position_ids" in job.encoded["train"].inputs:
        refuse_leaking_blocks(model)


def trial_batch(job: Job) -> Tensors | None:
    """Make a batch of the longest and the shortest rows; None where there are no rows."""
    encoded = job.encoded["train"]
    if not len(encoded):
        return None
    order = np.argsort(encoded.lengths, kind="stable")
    return to_tensors(job.collate(encoded, np.unique([*order[:2], *order[-2:]]), epoch=0))


def trial_of(model: Any, job: Job) -> Callable[[], list[Tensor]] | None:
    """Make what runs the model on such a batch, and gives what it says of all but padding.

    None where nothing is padded: blocks of several texts, features that were stored.
    """
    batch = trial_batch(job)
    if batch is None or "position_ids" in batch or "attention_mask" not in batch:
        return None
    is_writer = job.objective.name == "sequence-to-sequence"

    def compute() -> list[Tensor]:
        said = run_model(model, batch, decoder=is_writer)
        return outputs_that_count(said, batch, decoder=is_writer)

    return compute


def speed_ups(model: Any, job: Job, accelerator: Accelerator) -> AbstractContextManager[Any]:
    """Have the model train with less work; blocks that are computed again keep their padding."""
    settings: Training = job.training
    if accelerator.device.type != "cpu" or settings.torch_compile:
        return nullcontext()
    vocabulary = None
    if settings.compact_vocabulary and accelerator.num_processes == 1:
        vocabulary = compact(model, words_in(job.encoded, job.tokenizer), settings)
    return faster(
        model,
        trial_of(model, job),
        unpadded=settings.unpadded and not settings.gradient_checkpointing,
        cls_only=settings.cls_only,
        fast_dropout=settings.fast_dropout,
        vocabulary=vocabulary,
    )


def evaluate(model: Any, job: Job) -> dict[str, float]:
    """Score the validation rows."""
    return job.evaluate(predict_quietly(model, job, "validation", readings=[job.task.watched]))


def make_accelerator(settings: Training) -> Accelerator:
    """Choose device and precision; each training chooses anew, also within one process.

    Raises:
        TrainingError: Batches by tokens are asked for, and several processes would share them:
            they go in step only where batches are of one size.
    """
    AcceleratorState._reset_state()
    precision = "bf16" if settings.bf16 is True else "fp16" if settings.fp16 else "no"
    compiler = None
    if settings.torch_compile:
        compiler = TorchDynamoPlugin(
            backend=settings.torch_compile_backend or "inductor",
            mode=settings.torch_compile_mode,
            dynamic=True,  # or every length would be compiled anew
        )
    accelerator = Accelerator(
        cpu=settings.use_cpu, mixed_precision=precision, dynamo_plugin=compiler
    )
    if settings.tokens_per_batch is not None and accelerator.num_processes > 1:
        raise TrainingError(
            "Batches by tokens are for one process.",
            received=f"training.tokens_per_batch={settings.tokens_per_batch} and "
            f"{accelerator.num_processes} processes",
            hint="training.tokens_per_batch=null",
        )
    return accelerator
