"""`majority`: predicts the most frequent label; the score without reading the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from luthier.codec import Codec
from luthier.job import Job
from luthier.ragged import Array
from luthier.records import Outputs, Predictions, Rows
from luthier.task_types.plain_baseline import PlainBaseline, strongest

MOST_ROWS = 5000  # training rows on which sets of labels are compared
MOST_SETS = 30  # sizes of sets that are tried


class Majority(PlainBaseline):
    """Predict the most frequent label, with the training shares as probabilities.

    With several labels a row, every row gets the one set of labels that scores best on the training
    rows by the metric of the verdict: the most frequent set, or the most frequent labels.
    """

    name: ClassVar[str] = "majority"
    units: ClassVar[frozenset[str]] = frozenset({"sequence", "choice", "media", "joint"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "choice"})
    reads_nothing: ClassVar[bool] = True

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Count the labels; every row gets the same answer."""
        codec = job.problem.codec
        gold = codec.gold(job.problem.splits.train)
        if codec.target.kind == "multi-label":
            return _same_set(codec, gold)
        counts = np.bincount(gold, minlength=codec.target.n_outputs)
        outputs = np.log((counts + 0.5) / (len(gold) + 0.5 * codec.target.n_outputs))
        # What no label says is added: choices that a row lacks are out of question.
        return lambda rows: codec.uninformed_outputs(rows) + outputs.astype(np.float32)


def _same_set(codec: Codec, gold: Array) -> Callable[[Rows], Predictions]:
    """Give every row the best set of labels; thresholds on equal scores could give all or none."""
    share = (gold.sum(axis=0) + 0.5) / (len(gold) + 1)
    logits = (np.log(share) - np.log1p(-share)).astype(np.float32)  # their sigmoid is the share
    sample = gold[:: -(-len(gold) // MOST_ROWS)]
    sets, weights = np.unique(sample, axis=0, return_counts=True)

    def answer(given: Array, n_rows: int) -> Predictions:
        answers, probabilities, outputs = (
            np.tile(one, (n_rows, 1)) for one in (given.astype(bool), share, logits)
        )
        return Predictions(answers, probabilities, outputs)

    metric = codec.task.main_metric
    best = strongest(
        [sets[weights.argmax()], *_most_frequent(gold)],
        lambda given: codec.measure(sets, answer(given, len(sets)))(weights.astype(float))[metric],
        metric=metric,
    )
    return lambda rows: answer(best, len(rows))


def _most_frequent(gold: Array) -> Iterator[Array]:
    """Yield sets of the most frequent label, the two most frequent ones, and so on to all."""
    n_labels = gold.shape[1]
    order = np.argsort(-gold.sum(axis=0), kind="stable")
    for size in np.unique(np.linspace(1, n_labels, min(n_labels, MOST_SETS)).astype(int)):
        given = np.zeros(n_labels, dtype=gold.dtype)
        given[order[:size]] = 1
        yield given
