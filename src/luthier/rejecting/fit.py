"""Fits the rule by which no label is answered, on validation rows alone.

Where rows are labelled as fitting none, each score's threshold is that with the best F1 of finding
them, and the score with the best AUROC is chosen. Where none are (`auto`), a threshold lets 95 % of
the validation rows be answered, and the score is chosen that tells right from wrong answers best.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from luthier.errors import DataError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.metrics.auc import make_auc
from luthier.metrics.rejection import best_threshold, class_means, scores_of, steps_of
from luthier.ragged import Array
from luthier.reading import without_answers
from luthier.recipe.checks import DEFAULT_ENGINE
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, StepInfo
from luthier.rejecting.vectors import vectors_of
from luthier.rejection import AUTO, PROBABILITY, SCORES, UNSURE, Rejection, Rule
from luthier.training.predict import infer_rows

COVERAGE = 0.95  # of the validation rows that are answered where no row is labelled as fitting none
DIGITS = 6  # of class means, as they are kept


@dataclass(frozen=True)
class Scored:
    """Rows of a split with what tells whether a label fits.

    Args:
        scores: Score to its values, (rows,).
        inside: Whether a label fits, (rows,).
        right: Whether the answer is right, (rows,); never where none fits.
    """

    scores: Mapping[str, Array]
    inside: Array
    right: Array


def score_rows(
    recipe: Recipe, job: Job, model: Model, own: Mapping[str, Outputs]
) -> Generator[StepInfo, None, tuple[Rejection, Scored] | None]:
    """Fit the rule on validation rows, and score the test rows; None where none is asked for.

    Args:
        recipe: The recipe.
        job: The job, whose problem has the rows that fit no label.
        model: The trained model.
        own: Its outputs of validation and test rows.

    Raises:
        DataError: There are no validation rows.
    """
    reject = recipe.evaluation.reject
    if reject is None:
        return None
    if "validation" not in own or not len(job.problem.splits.validation):
        raise DataError(
            "When to answer no label is decided on validation rows.",
            received="no validation rows",
            hint="data.split.validation=0.2, or evaluation.reject=null",
        )
    vectors = yield from _vectors(recipe, job, model)
    centre, means = _rounded_means(job, vectors.get("train"))
    scored = {}
    for split in ("validation", "test"):
        logits, gold = [np.asarray(own[split])], job.problem.gold[split]
        right = [logits[0].argmax(axis=-1) == gold]
        seen = [vectors[split]] if split in vectors else []
        rows = job.problem.outside.get(split)
        if rows is not None:
            made = yield from _outside(job, model, split, with_vectors=bool(seen))
            logits, right = [*logits, made[0]], [*right, np.zeros(len(rows), dtype=bool)]
            seen += [made[1]] if seen and made[1] is not None else []
        inside = np.arange(sum(map(len, logits))) < len(gold)
        joined = np.concatenate(seen) if seen else None
        scores = scores_of(np.concatenate(logits), joined, centre, means)
        scored[split] = Scored(scores, inside, np.concatenate(right))
    rule = fit(scored["validation"], reject, confidence=recipe.evaluation.confidence)
    kept = tuple(tuple(row) for row in means.tolist())
    return replace(rule, centre=tuple(centre.tolist()), means=kept), scored["test"]


def fit(validation: Scored, reject: str, *, confidence: float) -> Rejection:
    """Fit every score's threshold, and choose a score.

    Args:
        validation: The validation rows.
        reject: `auto`, or the label that says that none fits.
        confidence: Level of the lower ends of what answers are worth.
    """
    all_inside = bool(validation.inside.all())
    rules, areas = {}, {}
    for name in SCORES:
        if name not in validation.scores:
            continue
        values = validation.scores[name]
        threshold = (
            float(np.quantile(values, 1 - COVERAGE))
            if all_inside
            else best_threshold(values, validation.inside)
        )
        rules[name] = Rule(threshold, steps_of(values, validation.right, confidence=confidence))
        area = make_auc(validation.right if all_inside else validation.inside, values)(None)
        areas[name] = -1.0 if np.isnan(area) else area
    chosen = max(areas, key=lambda name: (areas[name], name == PROBABILITY))
    return Rejection(
        label=UNSURE if reject == AUTO else reject,
        chosen=chosen,
        rules=rules,
        n_rows=len(validation.inside),
        confidence=confidence,
    )


def _vectors(recipe: Recipe, job: Job, model: Model) -> Generator[StepInfo, None, dict[str, Array]]:
    """Compute the vectors of all splits; none where the head reads none, or TensorFlow trains."""
    found: dict[str, Array] = {}
    for split in ("train", "validation", "test") if recipe.engine == DEFAULT_ENGINE else ():
        made = yield from vectors_of(
            model,
            job.problem.codec,
            job.problem.items[split],
            batch_size=job.plan.training.per_device_eval_batch_size,
            phase=f"vectors of {split}",
        )
        if made is None:
            return {}
        found[split] = made
    return found


def _rounded_means(job: Job, vectors: Array | None) -> tuple[Array, Array]:
    if vectors is None:
        return np.empty(0), np.empty((0, 0))
    gold, n_labels = job.problem.gold["train"], job.problem.codec.target.n_outputs
    centre, means = class_means(vectors, np.asarray(gold), n_labels)
    return centre.round(DIGITS), means.round(DIGITS)


def _outside(
    job: Job, model: Model, split: str, *, with_vectors: bool
) -> Generator[StepInfo, None, tuple[Array, Array | None]]:
    codec, batch_size = job.problem.codec, job.plan.training.per_device_eval_batch_size
    rows = without_answers(job.problem.outside[split], codec.task)
    items, phase = codec.encode(rows), f"predicting {split} rows that fit no label"
    logits = yield from infer_rows(model, items, rows, codec, batch_size=batch_size, phase=phase)
    vectors = None
    if with_vectors:
        vectors = yield from vectors_of(model, codec, items, batch_size=batch_size, phase=phase)
    return np.asarray(logits), vectors
