"""What a rule for answering no label is worth on test rows, beside maximum probability alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.declarations import Panel
from luthier.metrics.intervals import bootstrap, interval
from luthier.metrics.rejection import measure_rejection, risk_by_coverage
from luthier.recipe.tree import Recipe
from luthier.rejecting.fit import Scored
from luthier.rejection import AUTO, PROBABILITY, Rejection
from luthier.runs import RunFolder

DOCUMENT, PANEL = "rejection", "rejection"
DOCUMENTS = {DOCUMENT: "how well texts are told that fit no label"}


@dataclass(frozen=True)
class Worth:
    """A score's rule on test rows.

    Args:
        metrics: Metric to value, `low`, `high` and `n`.
        less_baseline: Metric to the difference from maximum probability, paired by row.
    """

    metrics: Mapping[str, Mapping[str, float | int | None]]
    less_baseline: Mapping[str, Mapping[str, float]]


def tell_rejection(
    recipe: Recipe, found: tuple[Rejection, Scored] | None, folder: RunFolder
) -> list[Panel]:
    """Judge the rule on the test rows, keep what that says, and return a panel to show it."""
    if found is None:
        return []
    document = judge(recipe, *found)
    folder.write_json(DOCUMENT, document)
    return [Panel(PANEL, "Texts that fit no label", document)]


def judge(recipe: Recipe, rejection: Rejection, test: Scored) -> dict[str, Any]:
    """Measure every score's rule on the test rows, on the same resamples.

    Returns:
        The content of `rejection.json`.
    """
    n_rows, evaluation = len(test.inside), recipe.evaluation
    measured, drawn = {}, {}
    for name, rule in rejection.rules.items():
        measure = measure_rejection(test.scores[name], rule.threshold, test.inside, test.right)
        measured[name] = measure(None)
        drawn[name] = bootstrap(
            measure, n_rows, n_resamples=evaluation.n_resamples, seed=recipe.training.seed
        )
    worth = {}
    for name, values in measured.items():
        n_answered = int((test.scores[name] >= rejection.rules[name].threshold).sum())
        counts = {metric: _n_of(metric, test, n_answered) for metric in values}
        metrics = {
            metric: {
                "value": value,
                **_ends(drawn[name][metric], evaluation.confidence),
                "n": counts[metric],
            }
            for metric, value in values.items()
        }
        less = {
            metric: {
                "value": value - measured[PROBABILITY][metric],
                **_ends(drawn[name][metric] - drawn[PROBABILITY][metric], evaluation.confidence),
            }
            for metric, value in values.items()
            if name != PROBABILITY
        }
        worth[name] = Worth(metrics, less)
    return {
        "label": rejection.label,
        "is_auto": evaluation.reject == AUTO,
        "chosen": rejection.chosen,
        "baseline": PROBABILITY,
        "thresholds": {name: rule.threshold for name, rule in rejection.rules.items()},
        "confidence": evaluation.confidence,
        "n_validation": rejection.n_rows,
        "n_test": n_rows,
        "n_outside": int((~test.inside).sum()),
        "test": worth,
        "risk": {
            name: risk_by_coverage(test.scores[name], test.right)
            for name in dict.fromkeys((PROBABILITY, rejection.chosen))
        },
    }


def _n_of(metric: str, test: Scored, n_answered: int) -> int:
    """Count the rows that a metric is of."""
    if metric == "answered_accuracy":
        return n_answered
    is_inside = metric in ("in_scope_accuracy", "coverage")
    return int(test.inside.sum()) if is_inside else len(test.inside)


def _ends(values: Any, confidence: float) -> dict[str, float]:
    low, high = interval(np.asarray(values), confidence=confidence)
    return {"low": low, "high": high}
