"""Models that learn from some rows and answer others, again and again.

A head on the states of the frozen model, which are computed once for each row; or what the recipe's
method trains, from the pre-trained weights each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from luthier.build_problem import make_job
from luthier.codec import Codec
from luthier.data.fingerprint import cell_digest
from luthier.hf_types import Model
from luthier.job import Job
from luthier.ragged import Array, Ragged
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Rows, Splits
from luthier.seeding import seed_of
from luthier.task_types.bind import tokenizer_of
from luthier.task_types.token_outputs import Pieces
from luthier.training.listeners import Listener, follow

Predict = Callable[[Rows], Outputs]


class FrozenModel:
    """The pre-trained model, whose states of each row are computed once.

    Args:
        recipe: The recipe.
        codec: The task, bound to the target and the model's processor.
        listener: Is told every step.
        strength: Inverse regularisation of the head, on features of length about 1. A head that
            fits wrong labels closely overlooks them, so those that judge labels take 1.
    """

    def __init__(self, recipe: Recipe, codec: Codec, listener: Listener, *, strength: float = 10.0):
        self.recipe, self.codec, self.listener = recipe, codec, listener
        self.strength = strength
        self.is_of_words = codec.target.kind == "tags"
        self._model: Model | None = None
        self._states: dict[bytes, Array] = {}

    def states(self, rows: Rows) -> list[Array]:
        """Give the states of rows, (width,) each, or (words, width); new ones are computed."""
        roles = [one for one in (*self.codec.task.input_roles, "words") if one in rows]
        keys = [cell_digest([rows[role][at] for role in roles]) for at in range(len(rows))]
        new = [at for at, key in enumerate(keys) if key not in self._states]
        if new:
            computed = self._compute(rows.take(new))
            self._states.update(zip((keys[at] for at in new), computed, strict=True))
        return [self._states[key] for key in keys]

    def _compute(self, rows: Rows) -> list[Array]:
        from luthier.frozen_features.features import Features
        from luthier.models.structure import pooled_features, trunk
        from luthier.training.predict import infer_rows

        if self._model is None:
            self._model = self._load()
        model = self._model

        def of_texts(batch: Any) -> Any:
            return pooled_features(model, batch)

        def of_tokens(batch: Any) -> Any:
            return trunk(model)(**batch).last_hidden_state

        steps = infer_rows(
            Features(model, of_tokens if self.is_of_words else of_texts),
            self.codec.encode(rows),
            rows,
            self.codec,
            batch_size=self.recipe.training.per_device_eval_batch_size,
            kinds=("token-logits" if self.is_of_words else "logits",),
            phase="reading rows",
        )
        outputs = follow(steps, self.listener)
        found = outputs.of_words()[0] if isinstance(outputs, Pieces) else outputs
        return [found[at] for at in range(len(rows))]

    def _load(self) -> Model:
        from luthier.models.load import build_model, quietly

        task, model = self.codec.task, self.recipe.model
        with quietly():
            return build_model(
                model.name,
                tokenizer=tokenizer_of(self.codec.processor),
                labels=self.codec.target.names,
                problem_type=task.problem_type,
                auto_model=task.auto_model,
                seed=self.recipe.training.seed,
                crf=task.crf,
                fusion=self.codec.head(),
                **model.model_dump(exclude={"name", "new_tokens"}),
            )

    def fit(self, train: Rows) -> Predict:
        """Fit a head to the answers of rows."""
        from luthier.frozen_features.linear import fit_outputs

        states = self.states(train)
        together = np.concatenate(states) if self.is_of_words else np.stack(states)
        mean, spread = together.mean(axis=0), together.std(axis=0) + 1e-6
        length = np.sqrt(len(mean))
        gold = self.codec.gold(train)
        targets = gold.values if isinstance(gold, Ragged) else gold
        head = fit_outputs(
            self.codec.target, (together - mean) / spread / length, targets, self.strength
        )

        def outputs_of(rows: Rows) -> Outputs:
            found = self.states(rows)
            flat = np.concatenate(found) if self.is_of_words else np.stack(found)
            outputs = head((flat - mean) / spread / length)
            if not self.is_of_words:
                return outputs
            return Pieces.of_each_word(outputs, np.array([len(one) for one in found]))

        return outputs_of


class RecipeModel:
    """What the recipe's own method trains, from the pre-trained weights each time.

    Args:
        recipe: The recipe.
        codec: The task, bound to the target and the model's processor.
        listener: Is told every step.
    """

    def __init__(self, recipe: Recipe, codec: Codec, listener: Listener):
        self.listener = listener
        self.recipe, self.codec = without_validation(recipe), codec

    def fit(self, train: Rows) -> Predict:
        """Train a new model on rows."""
        from luthier.training.predict import infer_rows
        from luthier.training.state import seed_all

        job = job_of(self.recipe, self.codec, train)
        seed_all(seed_of(self.recipe.training.seed, "method"))
        method = make_plugin("methods", self.recipe.method)
        model = follow(method.fit(job.session.make_model(True), job), self.listener)

        def outputs_of(rows: Rows) -> Outputs:
            size = self.recipe.training.per_device_eval_batch_size
            steps = infer_rows(model, self.codec.encode(rows), rows, self.codec, batch_size=size)
            return follow(steps, self.listener)

        return outputs_of


def job_of(recipe: Recipe, codec: Codec, train: Rows) -> Job:
    """Make a job without rows to validate or to test on."""
    nothing = train.take([])
    items = {"train": codec.encode(train, training=True)}
    items |= dict.fromkeys(("validation", "test"), codec.encode(nothing))
    return make_job(recipe, codec, Splits(train, nothing, nothing), items)


def without_validation(recipe: Recipe) -> Recipe:
    """Train without validation rows: those that a model chose must not say when to stop."""
    silent = {
        "eval_strategy": "no",
        "early_stopping_patience": None,
        "load_best_model_at_end": False,
    }
    training = recipe.training.model_copy(update=silent)
    return recipe.model_copy(update={"training": training})
