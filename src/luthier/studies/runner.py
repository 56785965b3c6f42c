"""Drives any study: each trial is an ordinary run folder, run once, read whenever it is needed.

A study that was stopped is resumed by the same call: finished trials are read, one that was cut
short resumes from its checkpoint, and the others are run. A trial that fails leaves its reason and
does not stop the others. All trials are judged on the same test rows, or the study is refused.

    FOLDER/cells/TRIAL/   a run folder for each trial
    FOLDER/study.json     the results            FOLDER/report.html   the same for people
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from luthier import process
from luthier.errors import LuthierError, RunError
from luthier.pipeline import run
from luthier.recipe.tree import Recipe
from luthier.report.study import write_study
from luthier.runs import RunFolder
from luthier.runs.files import write_whole
from luthier.runs.places import making
from luthier.runs.resume import differences
from luthier.studies.changes import what_helped
from luthier.studies.jobs import Jobs, jobs_of
from luthier.studies.outcomes import SystemScores, read_outcome, read_systems
from luthier.studies.results import Results, Say, as_document, sum_up
from luthier.studies.trial import Failure, Outcome, Study, Trial
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

OnTrial = Callable[[Study, int, Trial, Outcome | None], None]  # the number counts from 1


def run_study(
    study: Study,
    folder: str | Path,
    *,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
    said: Say = what_helped,
) -> Results:
    """Run a study to its end, and write its results and its page.

    Args:
        study: Decides which trials are run.
        folder: The folder of the study; an unfinished study in it is resumed.
        keep_models: Whether trials keep the weights that they trained.
        jobs: How many trials run at once, each in a process of its own; or where they do.
        on_trial: Called before each trial with (study, number, trial, None), and after it with its
            outcome, test scores included; the model is still there.
        listeners: Called with every `StepInfo` of every run in this process.
        said: Says what changes did, where there is a reference.

    Returns:
        What the study found. `results.lines` is empty where every trial failed.

    Raises:
        RunError: A trial's folder holds a run of another recipe, two trials have different test
            rows, or the folder cannot be made.
        Interrupted: By Ctrl-C. The same call resumes the study.
    """
    folder = Path(folder)
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
    systems, failures = run_trials(
        study, folder, keep_models=keep_models, jobs=jobs, on_trial=on_trial, listeners=listeners
    )
    results = sum_up(study, systems, failures, folder=folder, said=said)
    document = as_document(results)
    write_whole(folder / "study.json", [json.dumps(document, ensure_ascii=False, indent=1) + "\n"])
    write_study(folder, document)
    return results


def run_trials(
    study: Study,
    folder: Path,
    *,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> tuple[list[SystemScores], list[Failure]]:
    """Run the trials that are not finished, and read all of them; see `run_study`."""
    workers = Workers.of(jobs)
    known: Sequence[Trial] = () if workers.is_one else getattr(study, "ahead", ())
    places = [(trial, folder / "cells" / trial.name) for trial in known]
    ahead = [(trial, place) for trial, place in places if not is_finished(place, trial.recipe)]
    with jobs_of(ahead, workers) as running:
        return _run_trials(
            study, folder, running, keep_models=keep_models, on_trial=on_trial, listeners=listeners
        )


def _run_trials(
    study: Study,
    folder: Path,
    running: Jobs,
    *,
    keep_models: bool,
    on_trial: OnTrial | None,
    listeners: Sequence[Listener],
) -> tuple[list[SystemScores], list[Failure]]:
    systems: list[SystemScores] = []
    failures: list[Failure] = []
    judged: dict[str, Trial] = {}
    announce = on_trial or (lambda *news: None)
    number = 0
    while (trial := study.ask()) is not None:
        number += 1
        announce(study, number, trial, None)
        place = folder / "cells" / trial.name
        was_run = running.was_given(place)
        was_finished = not was_run and is_finished(place, trial.recipe)
        try:
            if not (was_finished or (was_run and running.finish(trial, place))):
                run_cell(trial, place, listeners=listeners)
            if not was_finished:
                note_size(place)
            run_folder = RunFolder.open(place)
            outcome = read_outcome(run_folder)
            found = read_systems(trial, run_folder, metric=study.metric, cost=outcome.cost)
        except LuthierError as problem:
            failures.append(Failure(trial, problem.problem, problem.hint))
            outcome = Outcome(failure=failures[-1])
        else:
            refuse_other_test(judged, trial, run_folder)
            systems += found
        study.tell(trial, outcome.without_test())
        announce(study, number, trial, outcome)
        if outcome.failure is None and not keep_models and not was_finished:
            shutil.rmtree(place / "model", ignore_errors=True)
    return systems, failures


def refuse_other_test(judged: dict[str, Trial], trial: Trial, run_folder: RunFolder) -> None:
    """Remember which test rows a trial was judged on, and refuse different ones.

    Raises:
        RunError: An earlier trial, which is named, was judged on other rows.
    """
    test = run_folder.read_json("data")["splits"]["test"]["sha256"]
    judged.setdefault(test, trial)
    if len(judged) > 1:
        first = next(iter(judged.values()))
        raise RunError(
            "All runs of a study must be judged on the same test rows.",
            received=f"{first.name} and {trial.name} were judged on different ones",
            hint="--out another folder begins another study; recipes that are compared need the "
            "same data section",
        )


def run_cell(trial: Trial, place: Path, *, listeners: Sequence[Listener]) -> None:
    """Run a trial in its folder, or resume it there."""
    if (place / "recipe.yaml").is_file() and RunFolder(place).reached == "failed":
        shutil.rmtree(place)  # nothing of it is worth resuming
    process.reset_peak_memory()
    run(trial.recipe, out=place, listeners=listeners)


def note_size(place: Path) -> None:
    """Note the size of a trial's model, which may be deleted."""
    kept = RunFolder(place)
    size = sum(path.stat().st_size for path in kept.model.rglob("*") if path.is_file())
    kept.write_json("environment", {**(kept.read_json("environment") or {}), "model_bytes": size})


def is_finished(place: Path, recipe: Recipe) -> bool:
    """Say whether a trial was finished before.

    Raises:
        RunError: It was, or was begun and trained, but of another recipe.
    """
    if not (place / "recipe.yaml").is_file():
        return False
    folder = RunFolder(place)
    if folder.reached == "failed" or not (folder.reached == "finished" or folder.has_work):
        return False
    changes = [change for change in differences(folder, recipe) if not change.is_safe]
    if changes:
        raise RunError(
            "This study was begun with another recipe.",
            received=f"{place}: {'; '.join(map(str, changes[:3]))}",
            hint="--out another folder begins another study",
        )
    return folder.reached == "finished"
