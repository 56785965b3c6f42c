"""Takes words out of a text in the order of their values, and watches the decision.

DeYoung et al. 2020, "ERASER: a benchmark to evaluate rationalized NLP models", section 4: what the
probability of the predicted label loses without the best k words (comprehensiveness), and what it
loses with these words alone (sufficiency); here as means over several k, and by the *signed* value:
a word that speaks against the decision comes last. ERASER divides by one more than the number of k,
as it counts k = 0, where nothing is lost; the mean here does not.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from luthier.explanation import Decision, Reader
from luthier.ragged import Array

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, as in ERASER
MEASURES = ("comprehensiveness", "sufficiency")
LEAST_WORDS = 2  # fewer cannot be taken out in another order


def best_first(values: Array) -> Array:
    """Order words by their signed values, the highest first, ties by position, (…, words)."""
    return np.argsort(-values, axis=-1, kind="stable")


def side(decision: Decision, score: float) -> float:
    """Say on which side of the training mean a number is, 1 or -1; 1 for everything else."""
    return -1.0 if decision.is_number and score < decision.mean else 1.0


def likelihood(scores: Array, decision: Decision, towards: float) -> Array:
    """Turn log-odds into what faithfulness is measured in.

    Args:
        scores: Log-odds of a decision, or its number.
        decision: The decision. That of several choices (the tokens of an entity, both ends of an
            answer) has the probability that belongs to the mean of their log-odds: it lies
            between 0 and 1, moves with what was explained, and is the choice's own probability
            where there is but one.
        towards: For a number, the side of the training mean that it was predicted on; it is
            measured away from there, in standard deviations of the training numbers.
    """
    if decision.is_number:
        return np.asarray(towards * (scores - decision.mean) / decision.scale)
    return np.asarray(expit(scores / len(decision.choices)))


def counts(n_words: int, shares: tuple[float, ...] = SHARES) -> Array:
    """Return the number of words that shares of them are, one at least, (shares,).

    >>> counts(33).tolist(), counts(2).tolist()
    ([1, 2, 4, 7, 17], [1, 1, 1, 1, 1])
    """
    return np.maximum(1, np.ceil(np.array(shares) * n_words - 1e-9).astype(np.int64))


def erased(reader: Reader, decision: Decision, orders: Array, *, delete: bool) -> Array:
    """Measure orders of words by what the decision loses.

    Args:
        reader: The decision, to be asked again.
        decision: The decision.
        orders: Numbers of the words, the best first, (orders, words).
        delete: Whether words are deleted rather than replaced.

    Returns:
        Comprehensiveness and sufficiency at each share, (orders, 2, shares).
    """
    n_words = reader.n_words
    places = np.argsort(orders, axis=-1)  # the place of each word in the order
    is_best = places[:, None, :] < counts(n_words)[:, None]  # (orders, shares, words)
    without = np.stack([is_best, ~is_best], axis=1).reshape(-1, n_words)
    asked = np.concatenate([np.zeros((1, n_words), dtype=bool), without])
    texts, places = np.unique(asked, axis=0, return_inverse=True)  # many of them are the same
    scores = reader.scores(texts, delete=delete)[places.reshape(-1)]
    worth = likelihood(scores, decision, side(decision, float(scores[0])))
    lost: Array = worth[0] - worth[1:]
    return lost.reshape(len(orders), 2, -1)
