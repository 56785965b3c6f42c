"""Metrics of language models: the likelihood of the true tokens."""

from __future__ import annotations

import math

import numpy as np

from luthier.declarations import Metric
from luthier.ragged import Array
from luthier.records import Measure

LARGEST = 700.0  # nats a token, beyond which exp overflows
METRICS = (  # token accuracy is declared in `spans.py`
    Metric("perplexity", "perplexity", higher_is_better=False, best=1.0, by_ratio=True),
    Metric("cross_entropy", "cross-entropy", higher_is_better=False, best=0.0),
)


def measure_language(statistics: Array) -> Measure:
    """Prepare perplexity, cross-entropy (nats a token) and token accuracy.

    Perplexity is exp(-log likelihood / tokens) over all rows together, not a mean over rows.

    Args:
        statistics: (rows, 3): summed log likelihood, number of tokens, and number of tokens that
            the model predicts correctly.
    """
    counted = np.asarray(statistics, dtype=np.float64)

    def measure(weights: Array | None = None) -> dict[str, float]:
        likelihood, tokens, right = counted.sum(axis=0) if weights is None else weights @ counted
        if tokens == 0:
            return dict.fromkeys(("perplexity", "cross_entropy", "token_accuracy"), math.nan)
        surprise = -likelihood / tokens
        return {
            "perplexity": math.exp(min(surprise, LARGEST)),
            "cross_entropy": float(surprise),
            "token_accuracy": float(right / tokens),
        }

    return measure
