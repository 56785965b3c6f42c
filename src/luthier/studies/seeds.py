"""One recipe with many seeds: how far its score is luck, and whether another recipe is better.

Splits stay as they are: they follow from `data.split.seed` alone.
What varies is the training: the fresh head, the order of the rows, dropout; and, with `data.shots`
or `data.limit.train`, the draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Overrides, checked
from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.studies.plan import Plan, name_of
from luthier.studies.results import Results
from luthier.studies.runner import OnTrial, run_study
from luthier.studies.trial import Trial
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener


@checked
def seeds(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    n_seeds: Count = 5,
    against: Recipe | Mapping[str, Any] | str | Path | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Results:
    """Train a recipe with several seeds: how far is its score luck, and is another one better?

    An unfinished study in the same folder is resumed.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to both recipes.
        n_seeds: How many trainings each recipe has.
        against: Another recipe, to find out which of the two is better; None trains the one alone.
        out: The folder of the study; None makes it `runs/NAME-seeds`.
        name: What to call the recipe; None takes the name of its file.
        keep_models: Whether runs keep the weights that they trained.
        jobs: How many runs are made at once, each in a process of its own, or `Workers("ray")`;
            what comes out does not depend on it, but for the rounding of another number of threads.
        on_trial: Called with (study, number, trial, None) before each run, and with its outcome in
            place of None after it.
        listeners: Called with every `StepInfo` of every run, for progress bars and the like.

    Returns:
        The mean score of each recipe with its interval and spread, the two compared, and a verdict
        in `sentences`; `report` is the path of the page.

    Raises:
        RecipeError: A recipe has problems, or the two have one name or different tasks.
        RunError: The folder holds another study, or the two have different test rows.
        Interrupted: By Ctrl-C. The same call resumes the study.

    Example:
        study = luthier.seeds("recipe.yaml", n_seeds=5, against="other.yaml")
        print(study.sentences[0], study.report)
    """
    name = name or name_of(recipe)
    arms = {name: read_recipe(recipe, overrides)}
    if against is not None:
        other = name_of(against)
        if other in arms:
            raise RecipeError(
                "The two recipes need names of their own.",
                received=f"both are called {other}",
                hint="rename one of the files",
            )
        arms[other] = read_recipe(against, overrides)
    return run_study(
        plan_seeds(arms, seeds=range(n_seeds)),
        out or Path("runs") / f"{name}-seeds",
        keep_models=keep_models,
        jobs=jobs,
        on_trial=on_trial,
        listeners=listeners,
    )


def plan_seeds(arms: dict[str, Recipe], *, seeds: Sequence[int]) -> Plan:
    """Lay the trials out: every recipe with every seed, those of one seed together.

    Args:
        arms: Name to recipe; one, or several to compare.
        seeds: The seeds of the trainings.

    Raises:
        RecipeError: The recipes do not learn the same task.
    """
    tasks = {recipe.task.name for recipe in arms.values()}
    if len(tasks) > 1:
        raise RecipeError(
            "Recipes are compared on one task.",
            received=" and ".join(sorted(tasks)),
            hint="two recipes of the same task, on the same test rows",
        )
    trials = [
        Trial(name, "", seed, with_seed(recipe, seed))
        for seed in seeds
        for name, recipe in arms.items()
    ]
    drawn = any(one.data.shots or "train" in one.data.limit for one in arms.values())
    varied = "the draw of the training rows, " if drawn else ""
    notes = [
        f"Seeds: {', '.join(map(str, seeds))}. Test rows are the same for all.",
        f"What varies: {varied}the fresh head, the order of the rows, dropout.",
    ]
    return Plan(" against ".join(arms), trials, notes=notes)


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """Give a recipe another seed of its training, and nothing beside: baselines, explanations."""
    tree = recipe.model_dump(mode="json")
    tree["training"]["seed"] = seed
    tree["baselines"], tree["evaluation"]["explained_rows"] = [], 0
    return read_recipe(tree)
