"""Search for settings: many trials on one journal, chosen by validation scores alone.

The best of many trials by one set of rows is better on these rows than elsewhere. So the best
recipe is trained anew with fresh seeds, beside the recipe as it is with the same seeds, and both
are judged on the test rows, which no trial is chosen by. The parts are in `tuning/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Overrides, ZeroOrMore, checked
from luthier.environment import needing
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.studies.plan import name_of
from luthier.studies.runner import OnTrial
from luthier.studies.tuning.found import Found
from luthier.studies.tuning.trials import Arm, OnTried
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener


@checked
def tune(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    space: Mapping[str, Any] | str | Path | None = None,
    n_trials: Count = 30,
    n_seeds: ZeroOrMore = 5,
    against_random: bool = False,
    prune: bool = True,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_tried: OnTried | None = None,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Found:
    """Search for settings of a recipe that score best on its validation rows.

    Values are chosen by Optuna's TPE. The best recipe is then trained with fresh seeds and compared
    on the test rows with the recipe as it is. An unfinished search in the same folder is resumed,
    with more trials if more are asked for; the same call elsewhere works on the same journal.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe.
        space: A YAML file or a mapping from fields of the recipe to `{low, high, log, step}` or a
            list of values; None: around the recipe's own values.
        n_trials: How many settings are tried, failed and pruned ones included.
        n_seeds: Fresh seeds of the best recipe and of the recipe as it is; 0: none.
        against_random: Whether to search at random with as many trials too, and compare.
        prune: Whether trials are ended early that lag behind the median of others.
        out: The folder of the search; None makes it `runs/NAME-tune`.
        name: What to call the search; None takes the name of the recipe's file.
        keep_models: Whether all trials keep their weights; otherwise the best trial alone does.
        jobs: How many trials are made at once, each worker a process of its own, or
            `Workers("ray")`: on a Ray cluster.
        on_tried: Called with (arm, search, None) before a trial of this process, and with what came
            of a trial in place of None after each.
        on_trial: Called with (study, number, trial, None) before each training with a fresh seed,
            and with its outcome in place of None after it.
        listeners: Called with every `StepInfo` of every run in this process.

    Returns:
        The trials, the best of them, which settings mattered, and what tuning brought, in
        `sentences`; `recipe` is the path of the best recipe and `report` that of the page.

    Raises:
        RecipeError: The recipe or the space has problems, or there is nothing to choose by.
        DataError: The data cannot be trained on.
        RunError: The folder holds another search.
        Interrupted: By Ctrl-C. The same call resumes the search.

    Example:
        found = luthier.tune("recipe.yaml", n_trials=30, jobs=2)
        print(found.sentences, found.recipe)
    """
    with needing("tune", "A search for settings needs Optuna, which is not installed."):
        from luthier.studies.tuning.study import (
            begin,
            of_arm,
            plan_search,
            run_arm,
            with_fresh_seeds,
        )
        from luthier.studies.tuning.summary import Finishing, sum_up_search

    workers, name = Workers.of(jobs), name or name_of(recipe)
    search, n_validation = plan_search(
        read_recipe(recipe, overrides), space, n_trials, prune=prune, keep_models=keep_models
    )
    folder = Path(out or Path("runs") / f"{name}-tune")
    begin(folder, search)
    arms: list[Arm] = ["tpe", "random"] if against_random else ["tpe"]
    for arm in arms:
        run_arm(folder, search, arm, workers=workers, on_tried=on_tried, listeners=listeners)
    with Finishing(folder):
        parts = {arm: of_arm(folder, search, arm) for arm in arms}
        fresh, validation = with_fresh_seeds(
            folder, search, parts, n_seeds, workers=workers, on_trial=on_trial, listeners=listeners
        )
        return sum_up_search(name, folder, search, parts, fresh, validation, n_validation)
