"""THE loop: from a model and a job to a trained model, one `StepInfo` at a time.

It is a generator. It trains, evaluates, keeps the best weights, stops early and saves what going on
needs; logging, progress bars and web pages only listen. Read `update.py` first: one optimizer step.
Then `train`. Which batches a step has: `course.py`. What is saved: `checkpoint.py`. On which
device, in which precision: `devices.py`, `calibration.py`. What is left out: `less_work.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from accelerate import Accelerator

from luthier.interruption import asked, end, patience
from luthier.models.anatomy import compute_again
from luthier.recipe.tree import Training
from luthier.records import Job, StepInfo
from luthier.seeding import seed_of
from luthier.training.batches import BatchOrder, make_loader
from luthier.training.blocks import refuse_leaking_blocks
from luthier.training.calibration import calibrate, precision_of
from luthier.training.checkpoint import Keeper
from luthier.training.course import Course
from luthier.training.devices import is_near, keep_few_kernels, make_accelerator
from luthier.training.divergence import refuse_step
from luthier.training.labelled import can_skip_unlabelled
from luthier.training.less_work import speed_ups
from luthier.training.memory import MicroBatches
from luthier.training.optimizer import make_optimizer, make_schedule, set_rate
from luthier.training.predict import predict_quietly
from luthier.training.state import State, seed_all
from luthier.training.stopping import Best
from luthier.training.update import Update
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
    keep_few_kernels()
    if (choice := calibrate(model, job)) is not None:
        yield StepInfo(job.phase, 0, 0, message=choice.words)
    settings = settings.model_copy(update={"bf16": precision_of(settings, choice)})
    job = job.but(training=settings)
    accelerator = make_accelerator(settings)
    make_ready(model, job)
    only_labelled = can_skip_unlabelled(model, job)
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


def evaluate(model: Any, job: Job) -> dict[str, float]:
    """Score the validation rows."""
    return job.evaluate(predict_quietly(model, job, "validation", readings=[job.task.watched]))
