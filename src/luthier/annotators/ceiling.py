"""How well annotators agree, as a score of the task, above which no model is promised to be."""

from __future__ import annotations

import numpy as np

from luthier.annotators.gather import Gathered
from luthier.annotators.opinions import OneLabel
from luthier.metrics.classification import confusion, from_confusion
from luthier.metrics.consensus import votes_of_others
from luthier.metrics.intervals import interval, resamples
from luthier.ragged import Array
from luthier.results import Score

CONFIDENCE = 0.95
N_RESAMPLES = 500


def agreement_as_score(gathered: Gathered, role: str, metric: str) -> Score | None:
    """Score each annotator's labels against what most of the others say of the same texts.

    Args:
        gathered: The answers of all annotators, one label each.
        role: The column of the answers.
        metric: A metric of labels.

    Returns:
        The score with its interval over texts, n of which have a clear majority of others; None for
        metrics of probabilities, and where no text has one.
    """
    opinions = OneLabel(gathered, role)
    votes, n_labels = opinions.votes, len(opinions.names)
    of_others = votes_of_others(votes, n_labels)
    items, sources = np.nonzero(of_others >= 0)
    gold, said = of_others[items, sources], votes[items, sources]

    def score(weights: Array) -> float:
        table = confusion(gold, said, n_labels=n_labels, weights=weights[items])
        return from_confusion(table)[metric]

    if len(items) == 0 or metric not in from_confusion(confusion(gold, said, n_labels=n_labels)):
        return None
    drawn = resamples(len(votes), n_resamples=N_RESAMPLES, seed=0)
    values = np.array([score(weights) for weights in drawn])
    ends = interval(values, confidence=CONFIDENCE)
    return Score(score(np.ones(len(votes))), *ends, len(np.unique(items)))
