"""Score parts of the test rows: by length, by label, by any column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from luthier.codec import Codec
from luthier.declarations import JSON
from luthier.metrics.intervals import bootstrap, interval_of
from luthier.ragged import Array, take
from luthier.records import Gold, Predictions, Rows, Target

FEWEST = 10  # rows that a slice needs to be scored
FEWEST_OF_PATTERN = 20  # rows with the same inputs
MOST_VALUES = 20


def score_slices(
    codec: Codec,
    gold: Gold,
    rows: Rows,
    predictions: Predictions,
    *,
    lengths: Array,
    columns: Sequence[str],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> list[dict[str, JSON]]:
    """Score each part by the task's main metric; parts of under 10 rows are left out."""
    found, metric = [], codec.task.main_metric
    predictions = replace(predictions, probabilities=None)  # no main metric is of them
    patterns = codec.patterns(rows) if hasattr(codec, "patterns") else ()
    for by, value, inside in parts(codec.target, gold, rows, lengths, columns, patterns):
        chosen = np.flatnonzero(inside)
        if len(chosen) < FEWEST:
            continue
        measure = codec.measure(take(gold, chosen), take_answers(predictions, chosen))
        score = measure(None)[metric]
        resampled = bootstrap(measure, len(chosen), n_resamples=n_resamples, seed=seed)
        low, high = interval_of(
            metric,
            score,
            resampled[metric],
            len(chosen),
            confidence=confidence,
        )
        found.append(
            {
                "by": by,
                "value": value,
                "n": len(chosen),
                "metric": metric,
                "score": score,
                "low": low,
                "high": high,
            }
        )
    return found


def parts(
    target: Target,
    gold: Gold,
    rows: Rows,
    lengths: Array,
    columns: Sequence[str],
    patterns: Sequence[str] = (),
) -> Iterator[tuple[str, str, Array]]:
    """Yield (column or property, its value, mask of the rows that have it)."""
    edges = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1]).astype(int))
    for low, high in pairwise(edges):
        first = low if low == edges[0] else low + 1
        inside = (lengths >= first) & (lengths <= high)
        yield "length", f"{first}–{high} tokens", inside
    if target.kind in ("single-label", "multi-label"):
        for label, name in enumerate(target.names):
            yield "label", name, gold[:, label] > 0 if gold.ndim == 2 else gold == label
    for pattern, n_rows in Counter(patterns).most_common(MOST_VALUES):
        if FEWEST_OF_PATTERN <= n_rows < len(patterns):
            yield "inputs", pattern, np.array([one == pattern for one in patterns])
    for column in columns:
        values = [str(value) for value in rows[column]]
        for value, _ in Counter(values).most_common(MOST_VALUES):
            yield column, value, np.array([each == value for each in values])


def take_answers(predictions: Predictions, chosen: Array) -> Predictions:
    """Keep the predictions of the rows at `chosen`."""
    probabilities = predictions.probabilities
    return Predictions(
        take(predictions.answers, chosen),
        None if probabilities is None else take(probabilities, chosen),
        take(predictions.outputs, chosen),
    )
