"""One strategy played once: rows are asked for batch by batch, and each model is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.labelling.chooser import probabilities_of
from luthier.labelling.orders import FIRST
from luthier.metrics.intervals import bootstrap
from luthier.models_of_rows import FrozenModel, RecipeModel
from luthier.next_rows import choose_next
from luthier.query import Query, decisions_of
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Predictions, Rows
from luthier.seeding import seed_of

RESAMPLES = 40  # of the test rows, for the variance that they account for


@dataclass(frozen=True)
class Played:
    """What came of one strategy with one seed.

    Args:
        by: Name of the strategy.
        seed: Of the pool and of what is drawn.
        values: The score after each batch, (batches,).
        resampled: The same on resampled test rows, (batches, resamples).
        n_labelled: How many rows had labels after each batch, (batches,).
    """

    by: str
    seed: int
    values: Array
    resampled: Array
    n_labelled: Array


class Stage:
    """What all plays share: the rows, what the frozen model makes of them, and how they are scored.

    Args:
        codec: The task, bound to the target and the model's processor.
        train: Rows whose labels are hidden until they are asked for.
        test: Rows on which every model is scored.
        frozen: The pre-trained model, for vectors.
        trained: What is trained after each batch.
        batch: Rows of a batch.
        rounds: Batches after the first.
        most: Rows of a pool at most.
    """

    def __init__(
        self,
        codec: Codec,
        train: Rows,
        test: Rows,
        frozen: FrozenModel,
        trained: FrozenModel | RecipeModel,
        *,
        batch: int,
        rounds: int,
        most: int,
    ):
        self.codec, self.train, self.test, self.trained = codec, train, test, trained
        self.batch, self.rounds, self.most = batch, rounds, most
        self.gold = codec.gold(test)
        self.texts = [
            " ".join(str(train[role][index]) for role in codec.task.input_roles)
            for index in range(len(train))
        ]
        self.vectors = vectors_of(frozen, train)
        self.metric: str = codec.task.main_metric

    def play(self, by: str, seed: int, on_batch: Callable[[int], None]) -> Played:
        """Ask for rows by a strategy, the first batch by one that needs no model.

        Args:
            by: Name of the strategy.
            seed: Of the pool and of what is drawn; the first batch is the same for all strategies.
            on_batch: Told how many batches are done.
        """
        random = np.random.default_rng(seed_of(seed, "rehearsal"))
        pool = np.sort(random.permutation(len(self.train))[: self.most])
        labelled = np.zeros(0, dtype=np.int64)
        predicted: Predictions | None = None
        values, resampled, counts = [], [], []
        for number in range(self.rounds + 1):
            query = make_plugin("queries", Plugin(name=FIRST if number == 0 else by))
            labelled = np.append(
                labelled, self._choose(query, pool, labelled, predicted, number, seed)
            )
            said, predicted, pool = self._learn(labelled, np.setdiff1d(pool, labelled))
            measure = self.codec.measure(self.gold, said)
            values.append(measure(None)[self.metric])
            drawn = bootstrap(measure, len(self.test), n_resamples=RESAMPLES, seed=0)
            resampled.append(drawn[self.metric])
            counts.append(len(labelled))
            on_batch(number + 1)
        return Played(by, seed, np.array(values), np.stack(resampled), np.array(counts))

    def _choose(
        self,
        query: Query,
        pool: Array,
        labelled: Array,
        predicted: Predictions | None,
        number: int,
        seed: int,
    ) -> Array:
        """Choose the next rows of the pool; where there is no model yet, without one."""
        shares = None
        if predicted is not None:
            shares = decisions_of(probabilities_of(predicted), self.codec.target.kind)
        elif query.needs_model:
            query = make_plugin("queries", Plugin(name=FIRST))
        chosen = choose_next(
            query,
            shares,
            self.vectors[pool],
            self.vectors[labelled],
            [self.texts[index] for index in pool],
            n=self.batch,
            seed=seed_of(seed, "queries", number),
        )
        return pool[chosen]

    def _learn(self, labelled: Array, pool: Array) -> tuple[Predictions, Predictions | None, Array]:
        """Train on the rows that have labels; predict test rows, and the pool that is left.

        Labels that are all the same train nothing: the test rows get an uninformed answer then.
        """
        rows = self.train.take(labelled)
        gold = self.codec.gold(rows)
        if len(np.unique(np.asarray(getattr(gold, "values", gold)), axis=0)) < 2:
            return self.codec.decode(self.codec.uninformed_outputs(self.test)), None, pool
        outputs_of = self.trained.fit(rows)
        said = self.codec.decode(outputs_of(self.test))
        return said, self.codec.decode(outputs_of(self.train.take(pool))), pool


def vectors_of(frozen: FrozenModel, rows: Rows) -> Array:
    """Give a vector of each row, (rows, width); of words with tags the mean of their states."""
    states: Sequence[Any] = frozen.states(rows)
    if not frozen.is_of_words:
        return np.stack(states)
    return np.stack([one.mean(axis=0) if len(one) else one.sum(axis=0) for one in states])
