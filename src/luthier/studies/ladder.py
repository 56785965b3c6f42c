"""The ladder: methods × labels × seeds on one fixed test set. Which is best with what you have?

The few-shot protocol, the same for all methods:

- The test set is fixed; it follows from the recipe's own seed, or is its file.
- Of each label, the same number of training rows is drawn; the draw follows from the seed alone, so
  all methods see the same rows, and larger draws hold the smaller ones.
- There are no validation rows: with 8 labels a class nobody has 100 to choose an epoch by (Perez et
  al. 2021, https://arxiv.org/abs/2105.11447). Each method trains to its end with fixed settings.
- Small sets are trained for at least `min_steps` steps: three passes over 16 rows teach nothing
  (Mosbach et al. 2021, https://arxiv.org/abs/2006.04884). More passes are given, never fewer.
- The recipe's training section holds for its own method; others bring their defaults where they
  have them (a learning rate that suits full fine-tuning does not suit LoRA), and never inherit
  those of the recipe's method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Names, Overrides, ZeroOrMore, checked
from luthier.errors import RecipeError
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import fits, make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Splits
from luthier.registry import find
from luthier.studies.few_shot_recipes import count_classes, fixed_test, rows_at, trial_recipe
from luthier.studies.plan import Plan, name_of
from luthier.studies.results import Results
from luthier.studies.runner import OnTrial, run_study
from luthier.studies.trial import Trial
from luthier.studies.verdict import FULL
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

BASELINES = ("majority", "tfidf-linear")
METHODS = ("full", "lora", "linear-probe", "contrastive")  # compared where none are named
SHOTS = (4, 8, 16, 64, FULL)


@checked
def ladder(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    methods: Names | None = None,
    shots: Sequence[int | str] = SHOTS,
    n_seeds: Count = 5,
    min_steps: ZeroOrMore = 100,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Results:
    """Find out which method is best with how many labels: a learning curve for each.

    Trains every method with every number of labels and several seeds, all judged on the same test
    rows. An unfinished study in the same folder is resumed.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe.
        methods: Names of the methods to compare; None compares those of `full`, `lora`,
            `linear-probe` and `contrastive` that can learn the task.
        shots: Numbers of training rows of each label (of rows in all, for tasks without classes),
            or "full" for all.
        n_seeds: How many draws and trainings each method has with each number of labels.
        min_steps: The least number of optimizer steps of every training.
        out: The folder of the study; None makes it `runs/NAME-ladder`.
        name: What to call the study; None takes the name of the recipe's file.
        keep_models: Whether runs keep the weights that they trained.
        jobs: How many runs are made at once, each in a process of its own, or `Workers("ray")`;
            what comes out does not depend on it, but for the rounding of another number of threads.
        on_trial: Called with (study, number, trial, None) before each run, and with its outcome in
            place of None after it.
        listeners: Called with every `StepInfo` of every run, for progress bars and the like.

    Returns:
        Scores and costs of every method with every number of labels, all pairs compared, and a
        verdict in `sentences`; `report` is the path of the page.

    Raises:
        RecipeError: A method is unknown or cannot learn the task, or `shots` has no meaning.
        DataError: The data cannot be trained on, or a label has too few rows.
        RunError: The folder holds another study.
        Interrupted: By Ctrl-C. The same call resumes the study.

    Example:
        study = luthier.ladder("recipe.yaml", methods=["full", "lora"], shots=[8, 64, "full"])
        print(study.sentences[0], study.report)
    """
    name = name or name_of(recipe)
    plan = plan_ladder(
        read_recipe(recipe, overrides),
        name=name,
        methods=methods,
        shots=parse_shots(shots),
        seeds=range(n_seeds),
        min_steps=min_steps,
    )
    return run_study(
        plan,
        out or Path("runs") / f"{name}-ladder",
        keep_models=keep_models,
        jobs=jobs,
        on_trial=on_trial,
        listeners=listeners,
    )


def parse_shots(shots: Sequence[int | str]) -> list[str]:
    """Read numbers of labels and put them in order, fewest first.

    Raises:
        RecipeError: One of them is neither a number nor `full`.

    >>> parse_shots(["full", 8, "4"])
    ['4', '8', 'full']
    """
    found = [word for shot in shots if (word := str(shot).strip())]
    wrong = [word for word in found if word != FULL and not _counts(word)]
    if wrong or not found:
        raise RecipeError(
            "Shots are numbers of labels, or full.",
            received=", ".join(found) or "none",
            hint="such as 4,8,16,64,full",
        )
    numbers = sorted({int(word) for word in found if word != FULL})
    return [*map(str, numbers), *([FULL] if FULL in found else [])]


def _counts(word: str) -> bool:
    return word.isdecimal() and int(word) > 0


def plan_ladder(
    recipe: Recipe,
    *,
    methods: Sequence[str] | None,
    shots: Sequence[str],
    seeds: Sequence[int],
    min_steps: int,
    name: str = "recipe",
) -> Plan:
    """Lay the trials of a ladder out, after looking at the data once.

    Args:
        recipe: What all trials share.
        methods: Names in the catalogue; None: those of `METHODS` that can learn the task.
        shots: As `parse_shots` gives them.
        seeds: The seeds of draws and trainings.
        min_steps: The least number of optimizer steps of every training.
        name: What to call the study.

    Returns:
        The trials, fewest labels first and all methods of a draw together.

    Raises:
        RecipeError: A method is unknown or cannot learn the task.
        DataError: The data cannot be trained on, or a label has too few rows.
    """
    task: Task = make_plugin("tasks", recipe.task)
    if methods is None:
        methods = [name for name in METHODS if fits(find("methods", name), task)]
    refuse_methods(methods, task)
    fixed = fixed_test(recipe)
    checked = check_data(read_recipe(fixed, ["training.seed=0"]), task)
    refuse_errors(checked.findings, recipe.data.ignore_findings)
    n_classes = count_classes(checked.splits, task)
    trials = [
        Trial(
            method,
            level,
            seed,
            trial_recipe(
                recipe,
                fixed,
                method,
                level,
                seed,
                n_rows=rows_at(level, checked.splits, task, n_classes),
                per_class=n_classes is not None,
                min_steps=min_steps,
                baselines=baselines_of(task, recipe) if method == methods[0] else [],
            ),
        )
        for level in shots
        for seed in seeds
        for method in methods
    ]
    least = min_steps if recipe.training.max_steps <= 0 else 0
    return Plan(
        f"{name}: {', '.join(methods)}",
        trials,
        notes=notes_on(checked.splits, seeds, least, n_classes),
        unit="labels a class" if n_classes is not None or list(shots) == [FULL] else "rows",
    )


def refuse_methods(methods: Sequence[str], task: Task) -> None:
    """Raise where a method is unknown, named twice, or cannot learn the task."""
    for name in methods:
        if not fits(find("methods", name), task):
            raise RecipeError(
                f"'{name}' cannot learn {task.name}.",
                received=f"--methods {','.join(methods)}",
                hint="luthier list methods shows what there is",
            )
    if len(set(methods)) < len(methods) or not methods:
        raise RecipeError(
            "Each method is named once.",
            received=f"--methods {','.join(methods)}",
            hint="--methods full,lora,contrastive",
        )


def baselines_of(task: Task, recipe: Recipe) -> list[str | dict[str, Any]]:
    """Take the recipe's baselines, or those that cost next to nothing and fit the task."""
    if recipe.baselines is not None:
        return [one.model_dump() for one in recipe.baselines]
    return [name for name in BASELINES if fits(find("baselines", name), task)]


def notes_on(
    splits: Splits, seeds: Sequence[int], min_steps: int, n_classes: int | None
) -> list[str]:
    """Tell the protocol."""
    what = f"each of {n_classes} labels" if n_classes else "the training rows"
    return [
        f"Test set, the same for all: {len(splits.test)} rows ({splits.made['test']}).",
        f"Training rows: the same number of {what}, drawn by the seed, the same for all methods; "
        "larger draws hold the smaller ones.",
        f"Seeds: {', '.join(map(str, seeds))}.",
        "No validation rows: settings are fixed, and nothing is chosen by scores.",
        *([f"At least {min_steps} optimizer steps."] if min_steps else []),
    ]
