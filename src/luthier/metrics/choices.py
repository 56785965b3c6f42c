"""Metrics of choosing one of several, where a choice's position carries no meaning."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array
from luthier.records import Measure


def measure_choices(gold: Array, answers: Array, probabilities: Array | None) -> Measure:
    """Prepare accuracy and log loss.

    Args:
        gold: The right choice of each row, (rows,).
        answers: The predicted choice, (rows,).
        probabilities: Of every choice, (rows, choices); None leaves out log loss.
    """
    is_right = (answers == gold).astype(float)
    means = {"accuracy": is_right}
    if probabilities is not None:
        chosen = probabilities[np.arange(len(gold)), gold]
        means["log_loss"] = -np.log(np.maximum(chosen, 1e-12))

    def measure(weights: Array | None) -> dict[str, float]:
        return {name: float(np.average(one, weights=weights)) for name, one in means.items()}

    return measure
