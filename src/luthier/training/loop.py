"""The training loop: a generator that trains a model and yields a `StepInfo` for every step.

It trains, evaluates, keeps the best weights, stops early and saves checkpoints; logging, progress
bars and web pages only listen. An engine of the catalogue computes (`engines.py`); PyTorch's is
`engine.py`, with one optimizer step in `update.py`. The batches of a step: `step_plan.py`. What is
saved: `checkpoint.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import TypeVar

from torch import nn

from luthier.distributed.group import group
from luthier.engines import Engine
from luthier.job import BatchSampler, Job
from luthier.models.trained_head import NOTE
from luthier.recipe.tree import Training
from luthier.records import StepInfo
from luthier.registry import find
from luthier.seeding import seed_of
from luthier.signals import patience
from luthier.training.augmented import prepare_augmenters
from luthier.training.batch_sampler import order_of
from luthier.training.checkpoint import Checkpointer
from luthier.training.divergence import refuse_step
from luthier.training.early_stopping import Best
from luthier.training.evaluations import Evaluations
from luthier.training.hooks import AllHooks
from luthier.training.idle import idle_story, refuse_frozen, watch
from luthier.training.loss_log import LossLog
from luthier.training.microbatches import MicroBatches
from luthier.training.optimizer import make_schedule, set_rate
from luthier.training.replay import with_replay
from luthier.training.row_weights import with_row_weights
from luthier.training.state import State, seed_all
from luthier.training.step_plan import StepPlan
from luthier.training.together import stop_if_asked, story_of

M = TypeVar("M", bound=nn.Module)


def train(model: M, job: Job) -> Generator[StepInfo, None, M]:
    """Train all parameters that require gradients; the return value is the trained model.

    With a run folder (`job.session.run`), checkpoints are saved there, and an interrupted training
    is resumed from them.

    Raises:
        TrainingError: The loss, a gradient or a weight is not a finite number, or the training
            would change nothing.
    """
    refuse_frozen(model)
    job = with_replay(with_row_weights(job))
    seed_all(seed_of(job.plan.training.seed, "training"))
    yield from prepare_augmenters(job)
    engine: Engine = find("engines", job.session.engine)(model, job)
    if engine.notice is not None:
        yield StepInfo(job.session.phase, 0, 0, message=engine.notice)
    with group().noticing(), engine.working() as reason:
        if reason is not None:
            yield StepInfo(job.session.phase, 0, 0, message=f"padding is computed: {reason}")
        yield from steps(model, engine.job, engine)
    return model.eval()


def steps(model: nn.Module, job: Job, engine: Engine) -> Iterator[StepInfo]:
    """Take all steps, and leave the model with the weights that are kept."""
    settings: Training = job.plan.training
    order, pieces, loss_log = make_order(job), MicroBatches(settings), LossLog()
    loader = engine.prepare(order, pieces)
    step_plan = StepPlan(loader, order, settings)
    schedule = make_schedule(engine.optimizer, settings, n_steps=step_plan.n_steps)
    before = watch(model, schedule, settings, n_steps=step_plan.n_steps)
    best = Best(job.problem.codec.task.validation_metric, settings)
    hooks = AllHooks(job.plan.regularisers, model)
    hooks.begin(step_plan.n_steps)
    state = State(model, engine, schedule, best, loss_log, pieces, hooks)
    checkpointer = Checkpointer(job, state, step_plan)
    if (resumed := checkpointer.resume()) is not None:
        set_rate(schedule)
        yield resumed
    yield from lasting(job, 0, story_of(settings), getattr(model, NOTE, None))
    evaluations = Evaluations(job, step_plan)

    with patience():
        for step, batches in step_plan.after(checkpointer.saved):
            if best.is_over or hooks.ended:
                break
            rate = engine.optimizer.param_groups[0]["lr"]
            with hooks.around_step(step, step_plan.n_steps):
                loss_log.add(step, *engine.gradient(batches))
            is_last = step == step_plan.n_steps
            is_evaluated = evaluations.is_due(step)
            is_logged = step % settings.logging_steps == 0 or is_last or is_evaluated
            readings = loss_log.read() if is_logged or engine.reads_without_sync else []
            for reading in readings:
                refuse_step(reading, job, partial(step_plan.items, reading.step), engine.loss_of)
            engine.step()
            schedule.step()
            hooks.after_step(step, step_plan.n_steps)
            scores, is_best = None, False
            if is_evaluated:
                evaluated = engine.sync_model()
                with hooks.evaluated():
                    scores = evaluations.after(step, evaluated)
                    is_best = best.see(scores, model, is_last=is_last)
            yield StepInfo(
                job.session.phase,
                step,
                step_plan.n_steps,
                epoch=step_plan.epoch_after(step),
                rows=group().total(sum(batch.n_items for batch in batches)),
                loss=loss_log.mean() if is_logged else None,
                learning_rate=rate,
                gradient_norm=readings[-1].norm if is_logged else None,
                scores=scores,
                **evaluations.sampled(step),
                is_best=is_best,
                spike=next((one.loss for one in readings if one.is_spike), None),
                message=best.verdict if best.is_over else pieces.news(),
            )
            checkpointer.see(step, is_best=is_best, is_last=is_last or best.is_over or hooks.ended)
            stop_if_asked(checkpointer, step)
    engine.sync_model()
    hooks.finish()
    best.restore(model)
    yield from lasting(job, step_plan.n_steps, idle_story(before, model, loss_log))


def lasting(job: Job, step: int, *messages: str | None) -> Iterator[StepInfo]:
    """Tell what the report is to repeat; None is nothing."""
    for message in filter(None, messages):
        yield StepInfo(job.session.phase, step, step, message=message, is_lasting=True)


def make_order(job: Job) -> BatchSampler:
    """Make the batch sampler of the training rows."""
    if job.plan.sampler is not None:
        return job.plan.sampler(job.problem.items["train"], job.plan.training)
    items = job.problem.items["train"]
    return order_of(items.cost, job.plan.training, groups=items.groups)
