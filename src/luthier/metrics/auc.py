"""The area under the ROC curve, for many weightings of the same rows.

It is the probability that a positive row is scored above a negative one, ties counting half
(Hanley & McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747). Sorting is done once; each
weighting then takes one pass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luthier.ragged import Array


def make_auc(positive: Array, scores: Array) -> Callable[[Array | None], float]:
    """Prepare the AUC of scores.

    Args:
        positive: Whether each row is positive, (rows,).
        scores: Higher means more likely positive, (rows,).

    Returns:
        A function from row weights (rows,), or None for ones, to the AUC; nan without
        positive or without negative rows.
    """
    order = np.argsort(scores, kind="stable")
    sorted_scores, is_positive = scores[order], positive[order].astype(bool)
    # Rows of equal score form one group; groups are numbered from the lowest score up.
    group = np.zeros(len(order), dtype=np.int64)
    group[1:] = np.cumsum(sorted_scores[1:] != sorted_scores[:-1])
    n_groups = int(group[-1]) + 1 if len(group) else 0

    def auc(weights: Array | None = None) -> float:
        w = np.ones(len(order)) if weights is None else weights[order]
        gain = np.bincount(group, weights=w * is_positive, minlength=n_groups)
        loss = np.bincount(group, weights=w * ~is_positive, minlength=n_groups)
        pairs = gain.sum() * loss.sum()
        if pairs == 0:
            return float("nan")
        below = np.cumsum(loss) - loss
        return float((gain * (below + loss / 2)).sum() / pairs)

    return auc
