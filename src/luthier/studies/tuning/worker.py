"""Runs the trials of a search: one after another here, or by several processes on one journal.

A study's folder says all that a worker needs (`search.json`), so `python -m
luthier.studies.tuning.worker FOLDER ARM` is one. Trials are scored on validation rows alone; what
their runs scored on test rows is read by nobody here.

    FOLDER/search.json    recipe, space and seed     FOLDER/journal.jsonl   trials, by Optuna
    FOLDER/cells/TRIAL/   a run folder for each      FOLDER/claims/       who runs which
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.errors import LuthierError, RunError
from luthier.recipe.tree import Recipe
from luthier.runs import RunFolder
from luthier.runs.files import read_document
from luthier.studies.jobs import Command, elsewhere
from luthier.studies.outcomes import validation_scores
from luthier.studies.runner import is_finished, note_size, run_cell
from luthier.studies.seeds import with_seed
from luthier.studies.trial import Trial
from luthier.studies.tuning.journal import Held, Journal
from luthier.studies.tuning.pruning import PrunedError, watcher
from luthier.studies.tuning.space import Setting, read_space, value_at, with_values
from luthier.studies.tuning.trials import Arm, OnTried
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

SEARCH = "search"
CRASHES = (MemoryError, RuntimeError)  # of a machine or a setting, such as a GPU that is too small
POLL = 0.5  # seconds between looks at what other workers have done


@dataclass(frozen=True)
class Search:
    """What is searched, as `search.json` keeps it.

    Args:
        recipe: What is searched around.
        space: The settings and their values.
        metric: The score on validation rows.
        n_trials: How many trials each arm has.
        prune: Whether trials that lag are ended early.
        keep_models: Whether all trials keep their weights; otherwise the best alone does.
    """

    recipe: Recipe
    space: Sequence[Setting]
    metric: str
    n_trials: int
    prune: bool = True
    keep_models: bool = False

    def journal(self, folder: Path, arm: Arm) -> Journal:
        """Open the journal of an arm."""
        values = {one.path: value_at(self.recipe, one.path) for one in self.space}
        return Journal(
            folder,
            arm,
            self.space,
            metric=self.metric,
            seed=self.recipe.training.seed,
            n_trials=self.n_trials,
            prune=self.prune,
            first=values if all(one.has(values[one.path]) for one in self.space) else None,
        )

    def recipe_of(self, values: dict[str, Any]) -> Recipe:
        """Give the recipe of a trial: without baselines, which nothing is chosen by."""
        return with_values(with_seed(self.recipe, self.recipe.training.seed), values)


def work(
    folder: Path,
    search: Search,
    arm: Arm,
    *,
    on_tried: OnTried | None = None,
    listeners: Sequence[Listener] = (),
) -> None:
    """Run trials until none is left.

    Raises:
        RunError: A trial's folder holds another run.
        Interrupted: By Ctrl-C. The next worker goes on with the trial.
    """
    journal = search.journal(folder, arm)
    announce = on_tried or (lambda *news: None)
    while (held := journal.claim()) is not None:
        announce(arm, search.n_trials, None)
        try:
            attempt(folder, search, journal, held, listeners)
        except (KeyboardInterrupt, SystemExit):
            journal.release(held)
            raise
        tidy(folder, search, journal)
        ended = next(one for one in journal.tried() if one.number == held.number)
        announce(arm, search.n_trials, ended)


def attempt(
    folder: Path, search: Search, journal: Journal, held: Held, listeners: Sequence[Listener]
) -> None:
    """Run one trial, and note what came of it."""
    place = folder / "cells" / held.cell
    try:
        trial = Trial(
            held.cell, "", search.recipe.training.seed, search.recipe_of(dict(held.values))
        )
        if not is_finished(place, trial.recipe):
            run_cell(trial, place, listeners=[*listeners, watcher(held.trial, search.metric)])
            note_size(place)
        score = validation_scores(RunFolder.open(place)).get(search.metric)
    except PrunedError as problem:
        shutil.rmtree(place / "checkpoints", ignore_errors=True)
        journal.prune(held, problem.problem)
    except LuthierError as problem:
        journal.fail(held, problem.problem)
    except CRASHES as problem:
        journal.fail(held, f"{type(problem).__name__}: {problem}")
    else:
        if score is None or score != score:
            journal.fail(held, f"no {search.metric} on validation rows came of it")
        else:
            journal.finish(held, score)


def tidy(folder: Path, search: Search, journal: Journal) -> None:
    """Delete the weights of trials, but for those of the best one so far."""
    best = journal.best()
    for one in () if search.keep_models else journal.tried():
        if one.state != "running" and (best is None or one.number != best.number):
            shutil.rmtree(folder / "cells" / one.cell / "model", ignore_errors=True)


def work_together(
    folder: Path, search: Search, arm: Arm, workers: Workers, on_tried: OnTried
) -> None:
    """Let several processes run trials, and tell of each once it has ended.

    Raises:
        RunError: One of them ended with an error.
    """
    journal = search.journal(folder, arm)
    told = {one.number for one in journal.tried() if one.state != "running"}

    def tell() -> None:
        for one in journal.tried():
            if one.state != "running" and one.number not in told:
                told.add(one.number)
                on_tried(arm, search.n_trials, one)

    words = (__name__, str(folder.absolute()), arm)
    with elsewhere(workers) as (begin, n):
        children = [
            begin(Command(words, folder / "claims" / f"worker-{number}")) for number in range(n)
        ]
        while any(one.poll() is None for one in children):
            tell()
            time.sleep(POLL)
        tell()
        for one in children:
            if (one.returncode or 0) > 0:  # one that was killed leaves its trial to another
                raise RunError(
                    "A worker of the search ended with an error.",
                    received=one.said().strip()[-500:] or f"exit code {one.returncode}",
                    hint="the same command goes on",
                )


def read_search(folder: Path) -> Search:
    """Read what a study searches.

    Raises:
        RunError: The folder holds no search, or it is damaged.
    """
    found = read_document(folder, SEARCH)
    if not isinstance(found, dict):
        raise RunError("This folder holds no search.", received=str(folder), hint="luthier tune")
    recipe = Recipe.model_validate(found.pop("recipe"))
    return Search(recipe=recipe, space=read_space(found.pop("space"), recipe), **found)


def main() -> None:
    """Work on the arm of the study that the command names."""
    folder, arm = Path(sys.argv[1]), sys.argv[2]
    try:
        work(folder, read_search(folder), "random" if arm == "random" else "tpe")
    except LuthierError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
