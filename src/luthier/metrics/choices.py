"""Metrics of choosing one of several, where a choice's position carries no meaning."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Array
from luthier.records import Measure


def measure_choices(gold: Array, answers: Array, probabilities: Array) -> Measure:
    """Prepare accuracy and log loss.

    Args:
        gold: The right choice of each row, (rows,).
        answers: The predicted choice, (rows,).
        probabilities: Of every choice, (rows, choices).
    """
    is_right = (answers == gold).astype(float)
    surprise = -np.log(np.maximum(probabilities[np.arange(len(gold)), gold], 1e-12))

    def measure(weights: Array | None) -> dict[str, float]:
        return {
            "accuracy": float(np.average(is_right, weights=weights)),
            "log_loss": float(np.average(surprise, weights=weights)),
        }

    return measure
