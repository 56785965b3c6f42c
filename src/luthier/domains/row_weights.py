"""Training rows that weigh the more, the likelier they are in another domain.

    training rows, texts of a file ─► frozen vectors ─► a classifier's odds, out of fold ─► weights

Shimodaira 2000, "Improving predictive inference under covariate shift by weighting the
log-likelihood function": it corrects for rows that are drawn in other shares, not for words that
the training rows never have. Next: `training/row_weights.py`, which puts them into the loss.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from luthier.domains.learned_texts import refuse_test
from luthier.domains.texts import each_once, of_rows, texts_of
from luthier.errors import DataError
from luthier.frozen_features.domain_classifier import (
    density_ratios,
    effective_size,
    importance_weights,
)
from luthier.frozen_features.text_vectors import text_vectors
from luthier.job import Job
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.tree import Recipe
from luthier.records import Rows, StepInfo
from luthier.seeding import stream

FEWEST, MOST = 20, 5000  # texts of the file that are read
LEAST, SMALL = 0.1, 0.3  # effective share of the rows that is refused below, and warned of below
PHASE = "weighing rows"
N_SHOWN, LONGEST = 5, 120


def weighed(recipe: Recipe, job: Job) -> Generator[StepInfo, None, Job]:
    """Weigh the training rows of a job as the recipe asks; the same job where it does not.

    Raises:
        DataError: The file has too few texts or those of the test rows, or hardly any training row
            is like them.
    """
    asked = recipe.data.row_weights
    if asked is None:
        return job
    task, rows = job.problem.codec.task, job.problem.splits.train
    target = target_texts(asked.towards, task, job.problem.splits.test, recipe.training.seed)
    source = whole_texts(rows, task)
    vectors = yield from text_vectors(recipe.model, [*source, *target], phase=PHASE)
    draw = stream(recipe.training.seed, "row weights")
    ratios = density_ratios(vectors[: len(source)], vectors[len(source) :], draw=draw)
    weights = importance_weights(ratios)
    size, name = effective_size(weights), Path(asked.towards).name
    refuse_few(size, len(rows), name)
    yield StepInfo(PHASE, 1, 1, message=story(weights, size, name), is_lasting=True)
    return job.with_problem(row_weights=weights)


def target_texts(file: str, task: Task, test: Rows, seed: int) -> list[str]:
    """Read the texts of the other domain, without those of test rows.

    Raises:
        DataError: There are too few.
    """
    found = texts_of(file)
    judged = {*each_once("test", of_rows(test, task)).texts}
    refuse_test(found, judged, field="data.row_weights.towards")
    kept = [text for text in found.texts if text not in judged]
    if len(kept) < FEWEST:
        raise DataError(
            f"A domain is known by {FEWEST} texts at least.",
            received=f"{len(kept)} texts of {file} that are no test rows",
            hint="data.row_weights.towards=a file of more texts of the domain",
        )
    if len(kept) > MOST:
        drawn = stream(seed, "row weights", "texts").permutation(len(kept))[:MOST]
        kept = [kept[row] for row in np.sort(drawn)]
    return kept


def whole_texts(rows: Rows, task: Task) -> list[str]:
    """Write each row as one text, its columns one after another."""
    return [" ".join(map(str, parts)) for parts in zip(*task.texts(rows), strict=True)]


def refuse_few(size: float, n_rows: int, name: str) -> None:
    """Refuse weights that leave next to nothing to learn from.

    Raises:
        DataError: The effective number of rows is below a tenth of them.
    """
    if size < LEAST * n_rows:
        raise DataError(
            f"Hardly any training row is like the texts of {name}: weighing them would train on a "
            "handful.",
            received=f"an effective {size:.0f} of {n_rows:,} rows, below {LEAST:.0%}",
            hint="data.row_weights=null; adaptation.texts=[FILE] learns the language of the domain",
        )


def story(weights: Array, size: float, name: str) -> str:
    """Say what the weights do."""
    share = size / len(weights)
    low, high = np.quantile(weights, [0.05, 0.95])
    warned = ""
    if share < SMALL:
        warned = (
            " So few rows make scores and weights uncertain: compare with the same recipe and "
            "data.row_weights=null."
        )
    return (
        f"Training rows weigh the more, the more they are like {name}: nine tenths of the weights "
        f"are {low:.2f} to {high:.2f}, the largest is {weights.max():.2f}. They teach as much as "
        f"{size:,.0f} of {len(weights):,} rows of equal weight ({share:.0%}).{warned}"
    )
