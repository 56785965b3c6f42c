"""Scores that tell whether any label fits a row, and what is answered from a score up.

Maximum probability (Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136), energy (Liu et al.
2020, https://arxiv.org/abs/2010.03759), margin between the two most probable labels, and cosine to
the nearest class mean of the vectors that the head reads, less their mean (after Lee et al. 2018,
https://arxiv.org/abs/1807.03888, who take Mahalanobis distances). Each is higher where a
label fits.
"""

from __future__ import annotations

import numpy as np

from luthier.metrics.auc import make_auc
from luthier.metrics.softmax import softmax
from luthier.ragged import Array
from luthier.records import Measure
from luthier.rejection import DISTANCE, ENERGY, MARGIN, PROBABILITY, Step

N_STEPS = 100  # shares of the rows that steps answer


def scores_of(
    logits: Array,
    vectors: Array | None = None,
    centre: Array | None = None,
    means: Array | None = None,
) -> dict[str, Array]:
    """Compute every score of rows.

    Args:
        logits: (rows, labels).
        vectors: What the head reads, (rows, width); None: there are no distances.
        centre: Mean of the training rows' vectors, (width,).
        means: Of each label, less the centre, (labels, width).

    Returns:
        Score to its values, (rows,).
    """
    logits = np.asarray(logits, dtype=float)
    ordered = np.sort(softmax(logits), axis=-1)
    top = logits.max(axis=-1)
    found = {
        PROBABILITY: ordered[:, -1],
        ENERGY: top + np.log(np.exp(logits - top[:, None]).sum(axis=-1)),
        MARGIN: ordered[:, -1] - ordered[:, -2],
    }
    if vectors is not None and means is not None and means.size:
        unit = [
            _unit(np.asarray(one, dtype=float)) for one in (vectors - np.asarray(centre), means)
        ]
        found[DISTANCE] = (unit[0] @ unit[1].T).max(axis=-1)
    return found


def _unit(vectors: Array) -> Array:
    norms: Array = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def class_means(vectors: Array, gold: Array, n_labels: int) -> tuple[Array, Array]:
    """Return the mean of all vectors (width,) and, less that, of each label's (labels, width)."""
    centre = vectors.mean(axis=0)
    sums = np.zeros((n_labels, vectors.shape[1]))
    np.add.at(sums, gold, vectors - centre)
    counts = np.bincount(gold, minlength=n_labels)
    return centre, sums / np.maximum(counts, 1)[:, None]


def steps_of(scores: Array, right: Array, *, confidence: float) -> tuple[Step, ...]:
    """Say what answers are worth from thresholds up, from all answers to the surest hundredth.

    Args:
        scores: (rows,).
        right: Whether the answer is right, (rows,).
        confidence: Level of the lower ends, each of which is exact for its own threshold
            (Clopper & Pearson 1934).
    """
    from scipy.stats import beta  # answering needs no SciPy

    steps: list[Step] = []
    n_rows = len(scores)
    ordered = np.sort(scores)[::-1]
    counts = sorted({max(1, round(n_rows * part / N_STEPS)) for part in range(1, N_STEPS + 1)})
    for count in reversed(counts):
        threshold = float(ordered[count - 1])
        answered = scores >= threshold
        n, hits = int(answered.sum()), int(right[answered].sum())
        low = float(beta.ppf(1 - confidence, hits, n - hits + 1)) if hits else 0.0
        step = Step(threshold, n, hits, low)
        if not steps or steps[-1] != step:
            steps.append(step)
    return tuple(steps)


def best_threshold(scores: Array, inside: Array) -> float:
    """Find the threshold with the best F1 of rows that fit no label, halfway between two scores."""
    values = np.unique(scores)
    between = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2, [values[-1] + 1e-9]])
    found = [f1_outside(scores < one, inside, None) for one in between]
    return float(between[int(np.nanargmax(found))])


def f1_outside(rejected: Array, inside: Array, weights: Array | None) -> float:
    """Return the F1 of rejection as a search for rows that fit no label; 0 where it finds none."""
    w = np.ones(len(inside)) if weights is None else weights
    hits = float((w * (rejected & ~inside)).sum())
    wrong = float((w * (rejected & inside)).sum()) + float((w * (~rejected & ~inside)).sum())
    return 2 * hits / (2 * hits + wrong) if hits + wrong else float("nan")


def measure_rejection(scores: Array, threshold: float, inside: Array, right: Array) -> Measure:
    """Prepare what a rule comes to on rows.

    Args:
        scores: (rows,).
        threshold: Below it, no label is answered.
        inside: Whether a label fits, (rows,).
        right: Whether the answer is right where it is given, (rows,).

    Returns:
        From row weights to `auroc` (of rows that fit a label against others; where all fit one, of
        right answers against wrong ones), `f1_outside`, `in_scope_accuracy` (of rows that fit a
        label, how many are answered and right), `coverage` (how many of them are answered) and
        `answered_accuracy` (of what is answered, how much is right).
    """
    rejected, all_inside = scores < threshold, bool(inside.all())
    area = make_auc(right if all_inside else inside, scores)

    def measure(weights: Array | None) -> dict[str, float]:
        w = np.ones(len(scores)) if weights is None else weights
        answered, fits = w * ~rejected, w * inside
        found = {"auroc": area(weights)}
        if not all_inside:
            found["f1_outside"] = f1_outside(rejected, inside, weights)
        return found | {
            "in_scope_accuracy": _share((fits * (right & ~rejected)).sum(), fits.sum()),
            "coverage": _share((fits * ~rejected).sum(), fits.sum()),
            "answered_accuracy": _share((answered * right).sum(), answered.sum()),
        }

    return measure


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def risk_by_coverage(
    scores: Array, right: Array, n_points: int = N_STEPS
) -> list[tuple[float, float]]:
    """Say how many answers are wrong when only the surest share of the rows is answered."""
    order = np.argsort(-scores, kind="stable")
    wrong = np.cumsum(~right[order])
    counts = sorted({max(1, round(len(scores) * n / n_points)) for n in range(1, n_points + 1)})
    return [(count / len(scores), float(wrong[count - 1] / count)) for count in counts]
