"""A closer look at one system: confusion, labels, calibration, slices, mistakes.

Everything here goes to `analysis.json`, and from there to the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from luthier.errors import RecipeError, nearest
from luthier.evaluation.slices import score_slices
from luthier.metrics.calibration import expected_calibration_error, fit_temperature, reliability
from luthier.metrics.classification import confusion
from luthier.metrics.intervals import interval, resamples
from luthier.protocols import Codec
from luthier.ragged import Array
from luthier.records import Outputs, Predictions, Rows

MOST_MISTAKES = 200
MOST_POINTS = 2000
LONGEST_TEXT = 500


def analyse(
    codec: Codec,
    gold: Any,
    rows: Rows,
    predictions: Predictions,
    *,
    validation_outputs: Outputs | None,
    validation_gold: Any,
    lengths: Array,
    slice_columns: Sequence[str],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Analyse a system's answers on the test rows."""
    target = codec.target
    is_number = target.kind == "number"
    single = target.kind == "single-label"
    labelled = single or target.kind == "multi-label"
    sampling: dict[str, Any] = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    return {
        "kind": target.kind,
        "labels": [] if is_number else list(target.names),
        "confusion": confusion(gold, predictions.answers, n_labels=target.n_outputs)
        if single
        else None,
        "per_label": by_label(codec, gold, predictions, **sampling),
        "calibration": calibrate(gold, predictions.outputs, validation_gold, validation_outputs)
        if single and len(validation_gold)
        else None,
        "slices": score_slices(
            codec,
            gold,
            rows,
            predictions,
            lengths=lengths,
            columns=slice_columns,
            **sampling,
        ),
        "mistakes": mistakes(codec, gold, rows, predictions) if labelled or is_number else [],
        "scatter": scatter(gold, predictions.answers) if is_number else None,
        **codec.error_analysis(gold, predictions, rows),
    }


def check_slices(columns: Sequence[str], rows: Rows) -> None:
    """Raise where a column to slice by does not exist."""
    for column in columns:
        if column not in rows:
            close = nearest(column, rows.columns)
            raise RecipeError(
                f"There is no column '{column}' to slice by.",
                received=f"evaluation.slices={list(columns)}",
                hint=f"did you mean '{close}'?" if close else f"columns: {', '.join(rows.columns)}",
            )


def by_label(
    codec: Codec,
    gold: Any,
    predictions: Predictions,
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Score every label by itself, with the bootstrap interval of its F1."""
    prepared = codec.by_label(gold, predictions)
    if prepared is None:
        return []
    names, score = prepared
    drawn = resamples(len(gold), n_resamples=n_resamples, seed=seed)
    resampled = np.stack([score(weights)[2] for weights in drawn])
    precision, recall, f1, support = score(None)
    found = []
    for label, name in enumerate(names):
        low, high = interval(resampled[:, label], confidence=confidence)
        found.append(
            {
                "label": name,
                "precision": precision[label],
                "recall": recall[label],
                "f1": f1[label],
                "low": low,
                "high": high,
                "support": int(support[label]),
            }
        )
    return found


def calibrate(
    gold: Array, outputs: Outputs, validation_gold: Array, validation_outputs: Outputs
) -> dict[str, Any]:
    """Measure calibration on test before and after a temperature fitted on validation."""
    temperature = fit_temperature(validation_outputs, validation_gold)
    found: dict[str, Any] = {"temperature": temperature, "fitted_on": len(validation_gold)}
    for when, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(outputs / divisor, axis=1)
        bins = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == gold)
        found[when] = {"ece": expected_calibration_error(bins), "bins": bins}
    return found


def mistakes(
    codec: Codec, gold: Array, rows: Rows, predictions: Predictions
) -> list[dict[str, Any]]:
    """List wrong answers, the most confident (or, for numbers, the farthest off) first."""
    target = codec.target
    if target.kind == "number":
        sureness = np.abs(predictions.answers - gold)
        wrong = np.arange(len(gold))
    else:
        if predictions.probabilities is None:
            raise ValueError("answers with labels carry probabilities")
        p = predictions.probabilities
        if target.kind == "multi-label":
            is_wrong = predictions.answers.astype(bool) != gold.astype(bool)  # (rows, labels)
            sureness = (np.where(predictions.answers, p, 1 - p) * is_wrong).max(axis=1)
            wrong = np.flatnonzero(is_wrong.any(axis=1))
        else:
            sureness = p.max(axis=1)
            wrong = np.flatnonzero(predictions.answers != gold)
    chosen = wrong[np.argsort(-sureness[wrong], kind="stable")][:MOST_MISTAKES]
    texts = codec.task.texts(rows)
    return [
        {
            "index": int(row),
            "where": rows.where(int(row)),
            "text": " ⏎ ".join(role[row] for role in texts)[:LONGEST_TEXT],
            "gold": target.to_json(gold[row]),
            "answer": target.to_json(predictions.answers[row]),
            "confidence": float(sureness[row]),
        }
        for row in chosen
    ]


def scatter(gold: Array, answers: Array) -> list[list[float]]:
    """Pair true with predicted numbers, evenly thinned to 2,000 rows."""
    every = max(1, -(-len(gold) // MOST_POINTS))
    return [[float(a), float(b)] for a, b in zip(gold[::every], answers[::every], strict=True)]
