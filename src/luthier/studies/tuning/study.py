"""The parts of a search in their order: begun, searched, and judged with fresh seeds.

Next: `summary.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.errors import RecipeError, RunError
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.recipe.yaml_text import write_yaml
from luthier.runs import plain
from luthier.runs.files import read_document, write_whole
from luthier.runs.places import making
from luthier.studies.results import Results, sum_up
from luthier.studies.runner import OnTrial, run_trials
from luthier.studies.seeds import plan_seeds, with_seed
from luthier.studies.statistics import Estimate, over_seeds
from luthier.studies.trial import Outcome, Study, Trial
from luthier.studies.tuning.found import AS_IS, Searched
from luthier.studies.tuning.space import read_space
from luthier.studies.tuning.trials import Arm, OnTried
from luthier.studies.tuning.worker import POLL, SEARCH, Search, tidy, work, work_together
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener


def plan_search(
    recipe: Recipe,
    space: Mapping[str, Any] | str | Path | None,
    n_trials: int,
    *,
    prune: bool = True,
    keep_models: bool = False,
) -> tuple[Search, int]:
    """Lay a search out, after looking at the data once.

    Args:
        recipe: What is searched around.
        space: A file or a mapping; None: around the recipe's own values.
        n_trials: How many settings are tried.
        prune: Whether trials that lag are ended early.
        keep_models: Whether all trials keep their weights.

    Returns:
        The search, and the number of validation rows.

    Raises:
        RecipeError: The space has problems, or there is nothing to choose by.
        DataError: The data cannot be trained on.
    """
    task: Task = make_plugin("tasks", recipe.task)
    settings = read_space(space, recipe)
    search = Search(
        recipe=recipe,
        space=settings,
        metric=recipe.training.metric_for_best_model or task.validation_metric,
        n_trials=n_trials,
        prune=prune,
        keep_models=keep_models,
    )
    return search, count_validation(recipe, task)


def count_validation(recipe: Recipe, task: Task) -> int:
    """Count the validation rows, without which nothing can be chosen.

    Raises:
        RecipeError: There are none, or nothing is scored on them.
        DataError: The data cannot be trained on.
    """
    if recipe.training.eval_strategy == "no" or recipe.data.split.n_folds is not None:
        raise RecipeError(
            "A search chooses by scores on validation rows, once for each trial.",
            received="training.eval_strategy=no"
            if recipe.training.eval_strategy == "no"
            else f"data.split.n_folds={recipe.data.split.n_folds}",
            hint="training.eval_strategy=epoch data.split.n_folds=null",
        )
    found = check_data(recipe, task)
    refuse_errors(found.findings, recipe.data.ignore_findings)
    if not len(found.splits.validation):
        raise RecipeError(
            "A search chooses by scores on validation rows.",
            received="no validation rows",
            hint="data.split.validation=0.2",
        )
    return len(found.splits.validation)


def begin(folder: Path, search: Search) -> None:
    """Write what is searched, or compare it with what was searched here before.

    Raises:
        RunError: That was something else, or the folder cannot be made.
    """
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
    now = {**plain(search), "recipe": search.recipe.model_dump(mode="json")}
    now["space"] = {one.path: plain(one.plain) for one in search.space}
    before = read_document(folder, SEARCH)
    for field in ("recipe", "space", "prune", "metric") if before else ():
        if before.get(field) != json.loads(json.dumps(now[field])):
            raise RunError(
                "This search was begun with other settings.",
                received=f"{folder}: another {field}",
                hint="--out another folder begins another search",
            )
    write_whole(folder / f"{SEARCH}.json", [json.dumps(now, ensure_ascii=False, indent=1), "\n"])
    write_whole(folder / "space.yaml", [write_yaml(now["space"])])


def run_arm(
    folder: Path,
    search: Search,
    arm: Arm,
    *,
    workers: Workers,
    on_tried: OnTried | None,
    listeners: Sequence[Listener],
) -> None:
    """Run all trials of an arm, and wait for those that other processes have begun."""
    journal = search.journal(folder, arm)
    while not journal.is_over:
        if workers.is_one:
            work(folder, search, arm, on_tried=on_tried, listeners=listeners)
        else:
            work_together(folder, search, arm, workers, on_tried or (lambda *news: None))
        if not journal.is_over:
            time.sleep(POLL)
    tidy(folder, search, journal)


def of_arm(folder: Path, search: Search, arm: Arm) -> Searched:
    """Read what came of the trials of an arm."""
    journal = search.journal(folder, arm)
    trials, best = tuple(journal.tried()), journal.best()
    is_base = best is not None and search.recipe_of(dict(best.values)) == with_seed(
        search.recipe, search.recipe.training.seed
    )
    return Searched(
        trials=trials,
        best=None if best is None else best.cell,
        arm=AS_IS if is_base else None if best is None else best.cell,
        seconds=sum(one.seconds or 0.0 for one in trials),
    )


def with_fresh_seeds(
    folder: Path,
    search: Search,
    parts: Mapping[Arm, Searched],
    n_seeds: int,
    *,
    workers: Workers,
    on_trial: OnTrial | None,
    listeners: Sequence[Listener],
) -> tuple[Results | None, dict[str, Estimate]]:
    """Train the best recipes and the recipe as it is with seeds that no trial had.

    Returns:
        What they scored on test rows, and arm to validation score.
    """
    arms = {
        str(one.arm): search.recipe_of(dict(one.winner.values))
        for one in parts.values()
        if one.winner is not None
    }
    if not n_seeds or not arms:
        return None, {}
    own = search.recipe.training.seed
    arms = {**{arm: one for arm, one in arms.items() if arm != AS_IS}, AS_IS: search.recipe}
    plan = plan_seeds(arms, seeds=range(own + 1, own + 1 + n_seeds))
    scored: dict[str, list[float]] = {}

    def take(study: Study, number: int, trial: Trial, outcome: Outcome | None) -> None:
        if outcome is not None and search.metric in outcome.validation:
            scored.setdefault(trial.arm, []).append(outcome.validation[search.metric])
        if on_trial is not None:
            on_trial(study, number, trial, outcome)

    systems, failures = run_trials(
        plan,
        folder,
        keep_models=search.keep_models,
        jobs=workers,
        on_trial=take,
        listeners=listeners,
    )
    results = sum_up(plan, systems, failures, folder=folder)
    confidence = search.recipe.evaluation.confidence
    validation = {
        arm: over_seeds(found, search.metric, confidence=confidence)
        for arm, found in scored.items()
    }
    return results, validation
