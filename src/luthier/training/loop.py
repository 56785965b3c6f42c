"""THE loop: from a model and a job to a trained model, one `StepInfo` at a time.

It is a generator. It trains, evaluates, keeps the best weights, stops early and saves what going on
needs; logging, progress bars and web pages only listen. What computes is an engine, which the
catalogue gives (`protocols.py`); PyTorch's is `engine.py`, and `update.py` one optimizer step of
it. Which batches a step has: `step_plan.py`. What is saved: `checkpoint.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from luthier.protocols import Engine
from luthier.recipe.tree import Training
from luthier.records import Job, StepInfo
from luthier.registry import find
from luthier.seeding import seed_of
from luthier.signals import asked, end, patience
from luthier.training.batch_sampler import BatchOrder
from luthier.training.checkpoint import Keeper
from luthier.training.divergence import refuse_step
from luthier.training.early_stopping import Best
from luthier.training.loss_log import Window
from luthier.training.microbatches import MicroBatches
from luthier.training.optimizer import make_schedule, set_rate
from luthier.training.predict import predict_quietly
from luthier.training.state import State, seed_all
from luthier.training.step_plan import Course


def train(model: Any, job: Job) -> Generator[StepInfo, None, Any]:
    """Train all parameters that require gradients; the return value is the trained model.

    With a run folder (`job.run`) its state is saved there, and a training that was interrupted goes
    on from what was saved.

    Raises:
        TrainingError: The loss, a gradient or a weight is not a finite number.
    """
    seed_all(seed_of(job.training.seed, "training"))
    engine: Engine = find("engines", job.engine)(model, job)
    if engine.notice is not None:
        yield StepInfo(job.phase, 0, 0, message=engine.notice)
    with engine.working() as reason:
        if reason is not None:
            yield StepInfo(job.phase, 0, 0, message=f"padding is computed: {reason}")
        yield from steps(model, engine.job, engine)
    return model.eval()


def steps(model: Any, job: Job, engine: Engine) -> Iterator[StepInfo]:
    """Take all steps, and leave the model with the weights that are wanted."""
    settings: Training = job.training
    order = make_order(job)
    pieces = MicroBatches(settings)
    loader = engine.prepare(order, pieces)
    course = Course(loader, order, settings, n_processes=engine.n_processes)
    schedule = make_schedule(engine.optimizer, settings, n_steps=course.n_steps)
    best, window = Best(job.validation_metric, settings), Window()
    state = State(model, engine, schedule, best, window, pieces)
    keeper = Keeper(job, state, course)
    if (told := keeper.resume()) is not None:
        set_rate(schedule)
        yield told
    has_validation = len(job.encoded["validation"]) > 0

    with patience():
        for step, batches in course.after(keeper.saved):
            if best.is_over:
                break
            rate = engine.optimizer.param_groups[0]["lr"]
            with (
                job.step_context(model, step, course.n_steps) if job.step_context else nullcontext()
            ):
                window.add(step, *engine.gradient(batches))
            is_last = step == course.n_steps
            is_evaluated = has_validation and course.is_evaluated(step)
            is_told = step % settings.logging_steps == 0 or is_last or is_evaluated
            readings = window.read() if is_told or engine.reads_without_sync else []
            for reading in readings:
                refuse_step(reading, job, partial(course.items, reading.step), engine.loss_of)
            engine.step()
            schedule.step()
            scores, is_best = None, False
            if is_evaluated:
                scores = evaluate(engine.sync_model(), job)
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
    engine.sync_model()
    best.restore(model)


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


def evaluate(model: Any, job: Job) -> dict[str, float]:
    """Score the validation rows."""
    return job.evaluate(
        predict_quietly(model, job, "validation", readings=[job.task.validation_kind])
    )
