"""Draw all episodes of a training in advance, and refuse what episodes do not support.

Next: `fitting.py`.
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
        shape: Size of each episode.
        items: Indices of training items, (episodes, ways, shots + queries).
        story: Description of the plan, for the log.
    """

    shape: Shape
    items: Array
    story: str

    def __len__(self) -> int:
        return len(self.items)


def plan_episodes(job: Job, options: EpisodeOptions) -> Plan:
    """Draw the episodes of a training.

    A long text that is split into windows is represented by its first, so no text is both a shot
    and a query of one episode.

    Raises:
        RecipeError: The task or an option does not fit episodes.
        DataError: There are too few rows.
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
    """Return the size of episodes; the default number of classes is at most those there are.

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
    """Return the number of episodes: from steps, from episodes, or from passes over the rows."""
    settings = job.plan.training
    if settings.max_steps > 0:
        return int(settings.max_steps * settings.gradient_accumulation_steps * options.meta_batch)
    if options.episodes is not None:
        return options.episodes
    return max(1, math.ceil(float(settings.num_train_epochs) * n_rows / shape.rows))


def refuse_unfit(job: Job) -> None:
    """Raise if rows have not exactly one class each, or if the recipe asks for another loss.

    Raises:
        RecipeError: Either is the case.
    """
    codec = job.problem.codec
    if codec.target.kind != "single-label":
        raise RecipeError(
            "Episodes consist of classes: each row must have exactly one label.",
            received=f"task {codec.task.name}, whose target is {codec.target.kind}",
            hint="method=full, or task=text-classification",
        )
    if job.plan.objective.name != "cross-entropy" or job.plan.objective.class_weights is not None:
        raise RecipeError(
            "Episodes have the same number of rows of each class and use plain cross-entropy.",
            received=f"loss {job.plan.objective.name}"
            + (", with class weights" if job.plan.objective.class_weights else ""),
            hint="leave out task.options.loss and task.options.class_weights",
        )


def refuse_scarce(labels: Array, names: Sequence[str], shape: Shape) -> None:
    """Raise if a class has too few rows for one episode.

    Raises:
        DataError: Some class has; the message names the smallest.
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
