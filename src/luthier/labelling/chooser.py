"""Trains a model on the answers so far, scores it on the audit rows, and chooses what to ask next.

Each model starts from the pre-trained weights. By default they stay frozen: what the model makes
of every row is computed once, and only a logistic regression on it is fitted anew, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from luthier.build_problem import make_codec
from luthier.evaluation.judge import judge, resampling
from luthier.job import Job, Plan, Problem, Session
from luthier.labelling.orders import FIRST, RECIPE, Choice, Order, Progress, Reply
from luthier.metrics.softmax import softmax
from luthier.models_of_rows import FrozenModel, RecipeModel
from luthier.next_rows import choose_next
from luthier.protocols import Task
from luthier.query import decisions_of
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin, Recipe
from luthier.records import Predictions, Rows, Splits, StepInfo, Target
from luthier.registry import find
from luthier.results import Score
from luthier.seeding import seed_of
from luthier.task_types.token_outputs import Pieces

MODEL, BASELINE = "model", "baseline"


class TrainingChooser:
    """Trains and chooses in this process.

    Args:
        recipe: The model, the task and, for `recipe`, the method.
        task: The task.
        target: What is predicted.
        method: `frozen` or `recipe`.
        on_progress: Is told what is done.
    """

    def __init__(
        self, recipe: Recipe, task: Task, target: Target, method: str, on_progress: Progress
    ):
        def listen(info: StepInfo) -> None:
            on_progress(info.phase, info.step, info.n_steps)

        self.recipe, self.task = recipe, task
        self.codec = make_codec(recipe, task, target)
        self.frozen = FrozenModel(recipe, self.codec, listen)
        self.trained = RecipeModel(recipe, self.codec, listen) if method == RECIPE else self.frozen

    def answer(self, order: Order) -> Reply:
        """Train, score and choose."""
        train, pool, audit = (Rows.of(one) for one in (order.train, order.pool, order.audit))
        predicted, scores = None, {}
        if is_trainable := len(train) > 0 and self._tells_apart(train):
            outputs_of = self.trained.fit(train)
            predicted = self.codec.decode(outputs_of(pool)) if len(pool) else None
            if len(audit):
                scores = self._scores(train, audit, self.codec.decode(outputs_of(audit)))
        by = order.by
        if predicted is None and find("queries", by).needs_model:
            by = FIRST
        chosen = self._choose(order, by, train, pool, predicted) if len(pool) else []
        return Reply(
            order.number,
            by,
            len(train) if is_trainable else 0,
            [self._choice(int(index), predicted, pool) for index in chosen],
            self.task.main_metric,
            scores,
        )

    def _tells_apart(self, train: Rows) -> bool:
        """Say whether the answers so far differ: a model of one label says nothing."""
        gold = self.codec.gold(train)
        flat = np.asarray(getattr(gold, "values", gold))
        return len(np.unique(flat, axis=0)) > 1

    def _choose(
        self, order: Order, by: str, train: Rows, pool: Rows, predicted: Predictions | None
    ) -> list[int]:
        shares = None if predicted is None else probabilities_of(predicted)
        return choose_next(
            make_plugin("queries", Plugin(name=by)),
            None if shares is None else decisions_of(shares, self.task.kind),
            self._vectors(pool),
            self._vectors(train),
            [
                " ".join(str(pool[role][at]) for role in self.task.input_roles)
                for at in range(len(pool))
            ],
            n=order.n,
            seed=seed_of(self.recipe.training.seed, "queries", order.number),
        )

    def _vectors(self, rows: Rows) -> Array:
        """Give a vector for each row, (rows, width): for tags the mean of its words' states."""
        states = self.frozen.states(rows)
        if not self.frozen.is_of_words:
            return np.stack(states) if states else np.zeros((0, 1), dtype=np.float32)
        return np.stack([one.mean(axis=0) if len(one) else one.sum(axis=0) for one in states])

    def _choice(self, index: int, predicted: Predictions | None, pool: Rows) -> Choice:
        if predicted is None:
            return Choice(index)
        shares = probabilities_of(predicted)[index]
        suggested = self.codec.to_json(predicted.answers, index, pool)
        return Choice(index, suggested, round(float(confidence(shares, self.task.kind)), 4))

    def _scores(self, train: Rows, audit: Rows, predicted: Predictions) -> dict[str, Score]:
        """Score the model on the audit rows, beside the first of the task's baselines."""
        gold = {"train": self.codec.gold(train), "test": self.codec.gold(audit)}
        problem = Problem(self.codec, Splits(train, train.take([]), audit), {}, gold)
        objective = self.codec.objective(gold["train"], label_smoothing=0.0)
        job = Job(problem, Session(_no_model), Plan(self.recipe.training, objective))
        baseline = make_plugin("baselines", Plugin(name=find("tasks", self.task.name).baselines[0]))
        said = baseline.learn(job)(audit)
        other = said if isinstance(said, Predictions) else self.codec.decode(said)
        both = {MODEL: predicted, BASELINE: other}
        found, _ = judge(self.codec, gold["test"], both, system=MODEL, **resampling(self.recipe))
        return {name: scores[self.codec.task.main_metric] for name, scores in found.items()}


def _no_model(pretrained: bool) -> Any:
    raise ValueError("baselines that read nothing need no model")


def probabilities_of(predicted: Predictions) -> Sequence[Array]:
    """Give probabilities of each row: (labels,), or (words, labels) where words have tags."""
    if isinstance(predicted.outputs, Pieces):
        logits, _ = predicted.outputs.of_words()
        return [softmax(logits[at]) for at in range(len(logits))]
    shares: Sequence[Array] = predicted.probabilities
    return shares


def confidence(shares: Array, kind: str) -> float:
    """Say how sure a model is of its answer to a row: the mean over its words or labels."""
    if kind == "multi-label":
        return float(np.maximum(shares, 1 - shares).mean())
    return float(shares.max(axis=-1).mean()) if shares.size else 1.0
