"""The models that judge labels: a head on frozen states, or what the recipe's method trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from luthier.build_problem import make_job
from luthier.codec import Codec
from luthier.ragged import Array, Ragged
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Rows, Splits
from luthier.seeding import seed_of
from luthier.task_types.token_outputs import Pieces
from luthier.training.listeners import Listener, follow

STRENGTH = 1.0  # inverse regularisation; a head that fits wrong labels closely overlooks them


class FrozenModel:
    """A linear model on the states of the pre-trained model, which are computed once.

    Args:
        recipe: The recipe.
        codec: The task, bound to the target and the model's processor.
        rows: All rows with their labels.
        listener: Is told every step.
    """

    def __init__(self, recipe: Recipe, codec: Codec, rows: Rows, listener: Listener):
        self.codec = codec
        gold = codec.gold(rows)
        self.is_of_words = isinstance(gold, Ragged)
        self.gold = gold if isinstance(gold, Ragged) else Ragged(gold, np.arange(len(rows) + 1))
        states = _states(recipe, codec, rows, listener, of_words=self.is_of_words)
        mean, spread = states.values.mean(axis=0), states.values.std(axis=0) + 1e-6
        scaled = (states.values - mean) / spread / np.sqrt(len(mean))
        self.states = Ragged(scaled, states.offsets)

    def outputs(self, learned: Array, judged: Array) -> Outputs:
        """Fit to some rows, and answer others; both by their numbers."""
        from luthier.frozen_features.linear import fit_outputs

        train, targets = self.states.take(learned).values, self.gold.take(learned).values
        answer = fit_outputs(self.codec.target, train, targets, STRENGTH)
        states = self.states.take(judged)
        found = answer(states.values)
        return Pieces.of_each_word(found, states.lengths) if self.is_of_words else found


def _states(
    recipe: Recipe, codec: Codec, rows: Rows, listener: Listener, *, of_words: bool
) -> Ragged:
    """Compute the states of rows, or of their words, (rows or words, width)."""
    from luthier.frozen_features.features import Features
    from luthier.models.structure import pooled_features, trunk
    from luthier.training.predict import infer_rows

    model = _job(recipe, codec, rows.take([0]), rows.take([])).session.make_model(True)

    def of_texts(batch: Any) -> Any:
        return pooled_features(model, batch)

    def of_tokens(batch: Any) -> Any:
        return trunk(model)(**batch).last_hidden_state

    outputs = follow(
        infer_rows(
            Features(model, of_tokens if of_words else of_texts),
            codec.encode(rows),
            rows,
            codec,
            batch_size=recipe.training.per_device_eval_batch_size,
            kinds=("token-logits" if of_words else "logits",),
            phase="reading rows",
        ),
        listener,
    )
    if isinstance(outputs, Pieces):
        return outputs.of_words()[0]
    return Ragged(np.asarray(outputs), np.arange(len(rows) + 1))


class RecipeModel:
    """What the recipe's own method trains, from the pre-trained weights for each fold.

    Args:
        recipe: The recipe.
        codec: The task, bound to the target and the model's processor.
        rows: All rows with their labels.
        listener: Is told every step.
    """

    def __init__(self, recipe: Recipe, codec: Codec, rows: Rows, listener: Listener):
        silent = {"eval_strategy": "no", "load_best_model_at_end": False}
        training = recipe.training.model_copy(update={**silent, "early_stopping_patience": None})
        self.recipe = recipe.model_copy(update={"training": training})
        self.codec, self.rows, self.listener = codec, rows, listener

    def outputs(self, learned: Array, judged: Array) -> Outputs:
        """Train on some rows, and answer others; both by their numbers."""
        from luthier.training.predict import infer_rows
        from luthier.training.state import seed_all

        job = _job(self.recipe, self.codec, self.rows.take(learned), self.rows.take([]))
        seed_all(seed_of(self.recipe.training.seed, "method"))
        method = make_plugin("methods", self.recipe.method)
        model = follow(method.fit(job.session.make_model(True), job), self.listener)
        rows, size = self.rows.take(judged), self.recipe.training.per_device_eval_batch_size
        steps = infer_rows(model, self.codec.encode(rows), rows, self.codec, batch_size=size)
        return follow(steps, self.listener)


def _job(recipe: Recipe, codec: Codec, train: Rows, nothing: Rows) -> Any:
    """Make a job without rows to validate or to test on."""
    items = {"train": codec.encode(train, training=True)}
    items |= dict.fromkeys(("validation", "test"), codec.encode(nothing))
    return make_job(recipe, codec, Splits(train, nothing, nothing), items)
