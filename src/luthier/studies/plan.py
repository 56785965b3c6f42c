"""A study whose trials are all known at the start, and are asked for in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from luthier.errors import RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin, Recipe
from luthier.studies.trial import Outcome, Trial


class Plan:
    """A fixed list of trials.

    The first trial of a draw may be the one that also judges the baselines of that draw. If it
    fails, the next trial of the same level and seed, which has the same rows, judges them instead.

    Args:
        name: The heading of the study's page.
        trials: All trials, in the order in which they are run; at least one.
        notes: The protocol in sentences.
        unit: What the levels count, such as "labels a class"; "" without levels.
        reference: The arm that all others are changes of; None compares each with each.

    Raises:
        RecipeError: There are no trials.
    """

    def __init__(
        self,
        name: str,
        trials: Sequence[Trial],
        *,
        notes: Sequence[str],
        unit: str = "",
        reference: str | None = None,
    ):
        if not trials:
            raise RecipeError("A study needs at least one run.", received="none", hint="n_seeds=5")
        recipe = trials[0].recipe
        self.name, self.trials, self.notes, self.unit = name, tuple(trials), notes, unit
        self.reference = reference
        self.metric: str = make_plugin("tasks", recipe.task).main_metric
        self.confidence = recipe.evaluation.confidence
        self.n_trials: int | None = len(self.trials)
        self.ahead: Sequence[Trial] = self.trials
        self._left = iter(self.trials)
        self._unjudged: dict[tuple[str, int], list[Plugin] | None] = {}

    def ask(self) -> Trial | None:
        """Give the next trial, with the baselines of a failed one of the same draw."""
        trial = next(self._left, None)
        if trial is None:
            return None
        baselines = self._unjudged.pop((trial.level, trial.seed), None)
        if not baselines or trial.recipe.baselines:
            return trial
        return replace(trial, recipe=trial.recipe.model_copy(update={"baselines": baselines}))

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Remember the baselines that a failed trial leaves unjudged."""
        if outcome.failure is not None:
            self._unjudged[trial.level, trial.seed] = trial.recipe.baselines


def name_of(recipe: Recipe | Mapping[str, Any] | str | Path) -> str:
    """Name a recipe after its file; one that was made in Python is called `recipe`."""
    return Path(recipe).stem if isinstance(recipe, (str, Path)) else "recipe"
