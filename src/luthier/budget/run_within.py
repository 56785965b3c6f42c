"""The search from outside: what it is given, where it is kept, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from luthier.arguments import Overrides, checked
from luthier.budget.clock import Clock
from luthier.budget.search import Search
from luthier.budget.trials import JOURNAL, Trials
from luthier.errors import RecipeError, RunError
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.chosen_baselines import without_trained
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.remembered import remembering
from luthier.results import RunResult
from luthier.runs.lock import Lock, Owned
from luthier.runs.places import making, numbered
from luthier.signals import listening
from luthier.studies.plan import name_of
from luthier.training.listeners import Listener

Minutes = Annotated[float, Field(gt=0, le=7 * 24 * 60)]
OWNED = Owned(problem="Another process is searching in this folder.", hint="wait until it ends")


@checked
def run_within(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    minutes: Minutes,
    out: str | Path | None = None,
    name: str | None = None,
    fresh: bool = False,
    data: Mapping[str, Any] | None = None,
    spent: float = 0.0,
    listeners: Sequence[Listener] = (),
) -> RunResult:
    """Find the best model that so many minutes buy, and judge it.

    Heads on frozen features come first, then the recipe as it is and what is likely to be better,
    longer while that helps, as far as the time is enough. What is best on the validation rows is
    judged on the test rows, beside the baselines, within the same minutes. An unfinished search of
    the same recipe goes on with the minutes that it has left.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe.
        minutes: Wall-clock time for everything until the report.
        out: The folder of the search; None makes one below `runs/`, named after the recipe.
        name: What to call it; None takes the name of the recipe's file.
        fresh: Whether to start another search even if there is an unfinished search.
        data: Split to rows in memory, as for `run`.
        spent: Seconds of the budget that are spent already, such as for starting Python.
        listeners: Called with every `StepInfo`.

    Returns:
        The run of the chosen candidate, in `best/` of the folder; its report tells of the search.
        `recipe.yaml` beside it is the recipe that `run` repeats it by.

    Raises:
        RecipeError: There are no validation rows to choose by, or the minutes do not suffice.
        Interrupted: By Ctrl-C. The same call goes on.

    Example:
        result = luthier.run_within("recipe.yaml", minutes=10)
        print(result.folder, *result.told)
    """
    name = name or name_of(recipe)
    recipe, rows = rows_apart(recipe, data)
    in_memory = [f"data.{split}=memory:{split}" for split in rows]
    base = without_trained(read_recipe(recipe, [*in_memory, *overrides]))
    task: Task = make_plugin("tasks", base.task)
    refuse(base)
    folder = choose_folder(out, name, fresh=fresh)
    metric = base.training.metric_for_best_model or task.validation_metric
    clock = Clock(minutes, spent=spent)
    trials = Trials(base, metric, folder, clock, rows=rows, listeners=listeners)
    with owning(folder), listening(), remembering():
        clock.add(trials.read())
        search = Search(trials, task)
        search.begin()
        search.tune()
        return search.end()


def refuse(base: Recipe) -> None:
    """Refuse recipes of which no candidate can be chosen.

    Raises:
        RecipeError: There are no validation rows, or the recipe is of several runs.
    """
    if base.data.validation is None and not base.data.split.validation:
        raise RecipeError(
            "Candidates are chosen by validation rows, and the recipe has none.",
            received="data.validation=null data.split.validation=0",
            hint="data.split.validation=0.1",
        )
    if base.data.split.n_folds is not None and base.data.split.fold is None:
        raise RecipeError(
            "A search within minutes is of one run, and folds are several.",
            received=f"data.split.n_folds={base.data.split.n_folds}",
            hint="data.split.n_folds=null",
        )
    if base.training.load_best_model_at_end and base.training.eval_strategy == "no":
        raise RecipeError(
            "Candidates are chosen by their validation scores, and the recipe asks for none.",
            received="training.eval_strategy=no",
            hint="training.eval_strategy=epoch",
        )


def choose_folder(out: str | Path | None, name: str, *, fresh: bool) -> Path:
    """Return the folder of an unfinished search, or of a new one.

    Raises:
        RunError: The folder that is asked for holds something else, or a finished search.
    """
    if out is not None:
        path = Path(out)
        is_other = path.exists() and not (path / JOURNAL).is_file() and any(path.iterdir())
        if is_other or (path / "best").exists():
            raise RunError(
                "The folder for the search is not empty, and nothing is ever overwritten.",
                received=str(path),
                hint=f"--out {path}-2",
            )
        return path
    number = 1
    while (path := numbered(f"{name}-minutes", number)).exists():
        if not fresh and (path / JOURNAL).is_file() and not (path / "best").exists():
            return path
        number += 1
    return path


@contextmanager
def owning(folder: Path) -> Iterator[None]:
    """Own the folder of a search."""
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder, OWNED)
    lock.take()
    try:
        yield
    finally:
        lock.release()
