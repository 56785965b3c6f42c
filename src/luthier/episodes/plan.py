"""From a job and options to all episodes of a training, drawn in advance.

What cannot be is refused here, before anything is trained. Next: `fitting.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.episodes.options import EpisodeOptions
from luthier.episodes.sampler import Shape, sample_episodes
from luthier.errors import DataError, RecipeError
from luthier.job import Job
from luthier.ragged import Array

MOST_NAMED = 5


@dataclass(frozen=True)
class Plan:
    """All episodes of a training.

    Args:
        shape: How large each is.
        items: Numbers of training items, (episodes, ways, shots + queries).
        story: In words, what was planned.
    """

    shape: Shape
    items: Array
    story: str

    def __len__(self) -> int:
        return len(self.items)


def plan_episodes(job: Job, options: EpisodeOptions) -> Plan:
    """Draw the episodes of a training.

    A long text that is read in windows is drawn by its first one, so that no text is learned from
    and judged by at once.

    Raises:
        RecipeError: The task or an option does not go with episodes.
        DataError: The rows do not suffice.
    """
    refuse_unfit(job)
    items = job.problem.items["train"]
    firsts = np.unique(items.rows, return_index=True)[1]  # item of every row
    labels = items.target_array[firsts]
    shape = shape_of(options, job.problem.codec.target.names)
    refuse_scarce(labels, job.problem.codec.target.names, shape)
    n_episodes = count_episodes(job, options, shape, n_rows=len(firsts))
    drawn = sample_episodes(labels, shape, n_episodes, seed=job.plan.training.seed)
    story = f"{n_episodes} episodes of {shape.ways} classes, {shape.shots} rows of each to learn "
    story += f"from and {shape.queries} to judge by"
    if shape.ways < options.ways:
        story += f"; {options.ways} classes are usual, and there are {shape.ways}"
    return Plan(shape, firsts[drawn], story)


def shape_of(options: EpisodeOptions, names: Sequence[str]) -> Shape:
    """Make episodes as large as asked; unasked, of no more classes than there are.

    Raises:
        RecipeError: More classes are asked for than there are.
    """
    if "ways" in options.model_fields_set and options.ways > len(names):
        raise RecipeError(
            f"An episode is to have {options.ways} classes, and the rows have {len(names)}.",
            received=f"method.options.ways={options.ways}",
            hint=f"method.options.ways={len(names)}",
        )
    return Shape(min(options.ways, len(names)), options.shots, options.queries)


def count_episodes(job: Job, options: EpisodeOptions, shape: Shape, *, n_rows: int) -> int:
    """Say how many episodes a training has: by steps, by episodes, or by passes over the rows."""
    settings = job.plan.training
    if settings.max_steps > 0:
        return int(settings.max_steps * settings.gradient_accumulation_steps * options.meta_batch)
    if options.episodes is not None:
        return options.episodes
    return max(1, math.ceil(float(settings.num_train_epochs) * n_rows / shape.rows))


def refuse_unfit(job: Job) -> None:
    """Raise where what is learned is not one class of each row, or is weighed as none is here.

    Raises:
        RecipeError: It is so.
    """
    codec = job.problem.codec
    if codec.target.kind != "single-label":
        raise RecipeError(
            "Episodes are made of classes: each row must have exactly one label.",
            received=f"task {codec.task.name}, whose target is {codec.target.kind}",
            hint="method=full, or task=text-classification",
        )
    if job.plan.objective.name != "cross-entropy" or job.plan.objective.class_weights is not None:
        raise RecipeError(
            "Episodes hold as many rows of every class and are learned by plain cross-entropy.",
            received=f"loss {job.plan.objective.name}"
            + (", with class weights" if job.plan.objective.class_weights else ""),
            hint="leave out task.options.loss and task.options.class_weights",
        )


def refuse_scarce(labels: Array, names: Sequence[str], shape: Shape) -> None:
    """Raise where a class has no rows, or too few for one episode.

    Raises:
        DataError: There is such a class; the scarcest are named.
    """
    counts = np.bincount(labels, minlength=len(names))
    scarce = [int(label) for label in np.argsort(counts, kind="stable")]
    scarce = [label for label in scarce if counts[label] < shape.of_class]
    if not scarce:
        return
    named = ", ".join(f"{names[label]} ({counts[label]})" for label in scarce[:MOST_NAMED])
    more = f" and {len(scarce) - MOST_NAMED} more" if len(scarce) > MOST_NAMED else ""
    least = int(counts[scarce[0]])
    if least < 2:
        hint = "leave these labels out of the rows, or collect more"
    else:
        shots = min(shape.shots, least // 2)
        hint = f"method.options.shots={shots} method.options.queries={least - shots}"
    raise DataError(
        f"Each class needs {shape.shots} rows to learn from and {shape.queries} to judge by: "
        f"{shape.of_class} training rows.",
        received=f"too few of {named}{more}",
        hint=hint,
    )
