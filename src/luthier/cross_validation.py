"""Cross-validation: every row is judged once, by a model that did not see it.

    recipe ─► a run for each fold ─► their predictions, pooled ─► scores, verdicts, report

`FOLDER/folds/fold-0` … are ordinary run folders, resumed like any other; FOLDER itself is a run
folder whose predictions are those of all folds, and which has no model of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import stdev
from typing import Any

from luthier.data.fingerprint import fingerprint
from luthier.declarations import JSON, Panel
from luthier.errors import DataError, RunError
from luthier.evaluation.judge import SYSTEM
from luthier.evaluation.pool_folds import judge_pooled, pool, spread
from luthier.evaluation.systems import comparison_document
from luthier.load_splits import check_data
from luthier.metrics.names import metric_of
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.tree import Recipe
from luthier.records import Splits, StepInfo
from luthier.report.render import write_report
from luthier.results import Finding, RunResult
from luthier.runs import RunFolder
from luthier.runs.follower import share_result
from luthier.runs.resume import differences
from luthier.training.listeners import Listeners

SEVERITIES = ("error", "warning", "note")


def is_cross_validated(recipe: Recipe) -> bool:
    """Return whether a recipe asks for all folds, not for one of them."""
    return recipe.data.split.n_folds is not None and recipe.data.split.fold is None


def of_fold(recipe: Recipe, fold: int) -> Recipe:
    """Give the recipe of one fold."""
    split = recipe.data.split.model_copy(update={"fold": fold})
    data = recipe.data.model_copy(update={"split": split})
    return recipe.model_copy(update={"data": data})


def cross_validate(
    recipe: Recipe,
    task: Task,
    folder: RunFolder,
    *,
    listeners: Listeners,
    run_fold: Callable[[Recipe, Path], object],
    given: Mapping[str, Any] | None = None,
) -> RunResult:
    """Run every fold that is not finished, and judge all rows together.

    Args:
        recipe: The recipe, with a number of folds.
        task: Its task.
        folder: The run folder of the whole.
        listeners: They are told which fold begins, and what the folds came to.
        run_fold: Runs one fold's recipe into a folder, or resumes it there.
        given: Rows in memory, as for a run.

    Raises:
        RunError: A finished fold is of another recipe or of other rows.
        DataError: The rows of a fold cannot be trained on; this is told before any training.
    """
    n_folds = recipe.data.split.n_folds or 0
    places = [folder.path / "folds" / f"fold-{fold}" for fold in range(n_folds)]
    recipes = [of_fold(recipe, fold) for fold in range(n_folds)]
    listeners.announce("checking the data of all folds")
    finished = [
        _is_finished(place, own, rows_of_fold(own, task, given))
        for place, own in zip(places, recipes, strict=True)
    ]
    for fold, (place, own) in enumerate(zip(places, recipes, strict=True)):
        if not finished[fold]:
            listeners.announce(f"fold {fold + 1} of {n_folds}")
            run_fold(own, place)
    folds = [RunFolder.open(place).require_finished() for place in places]
    if not folder.is_owned:
        return share_result(None)  # the owner judges
    listeners.announce("judging")
    return share_result(write_pooled(recipe, task, folder, folds, listeners))


def rows_of_fold(recipe: Recipe, task: Task, given: Mapping[str, Any] | None) -> Splits:
    """Read and check the rows of a fold.

    Raises:
        DataError: They cannot be trained on; a label may have too few rows for every fold's model.
    """
    checked = check_data(recipe, task, given)
    try:
        refuse_errors(checked.findings, recipe.data.ignore_findings)
    except DataError as problem:
        if "unseen-label" in (problem.received or ""):
            problem.hint = (
                "two rows of each label at least, so that no fold holds all of them: take those "
                "rows out, or give them another label"
            )
        raise
    return checked.splits


def _is_finished(place: Path, recipe: Recipe, splits: Splits) -> bool:
    """Say whether a fold was finished before, with this recipe and these rows."""
    if not (place / "recipe.yaml").is_file() or RunFolder(place).state()["state"] != "finished":
        return False
    fold = RunFolder(place)
    changes = [str(change) for change in differences(fold, recipe)]
    before = fold.read_json("data")["splits"]["test"]["sha256"]
    if not changes and before != fingerprint(splits.test):
        changes = ["its test rows are others now"]
    if changes:
        raise RunError(
            "A fold of this cross-validation was finished with another recipe or other rows.",
            received=f"{place}: {'; '.join(changes[:3])}",
            hint="--fresh starts another run, or undo the change to resume",
        )
    return True


def write_pooled(
    recipe: Recipe,
    task: Task,
    folder: RunFolder,
    folds: Sequence[RunFolder],
    listeners: Listeners,
) -> RunResult:
    """Judge the pooled predictions, and write the documents and the report of the whole."""
    target, lines = pool(folds)
    task = task.codec(target).task  # what it is judged by may follow from the target
    scores, comparisons = judge_pooled(recipe, task, target, lines)
    table = spread(folds, task.main_metric)
    messages = story(table, task.main_metric, recipe.evaluation.confidence)
    for message in [*messages, *told_in(folds)]:
        listeners(StepInfo("judging", 0, 0, message=message, is_lasting=True))
    described = describe_folds([fold.read_json("data") or {} for fold in folds], lines)
    folder.write_predictions(lines)
    folder.write_json("data", described)
    folder.write_json("scores", scores)
    folder.write_json("comparison", comparison_document(recipe, task, comparisons))
    folder.add_panels([Panel("folds", f"Fold by fold: {metric_of(task.main_metric).title}", table)])
    folder.write_json("target", target)
    folder.write_json(
        "environment", add_up([fold.read_json("environment") or {} for fold in folds])
    )
    report = write_report(folder.path, status={"state": "finished"})
    folder.finish()
    return RunResult(
        str(folder.path),
        scores,
        comparisons,
        tuple(Finding(**one) for one in described["findings"]),
        str(report),
        tuple(listeners.told),
    )


def story(table: Sequence[Mapping[str, JSON]], metric: str, confidence: float) -> list[str]:
    """Say how far the folds lie apart, and what the interval of the whole does not cover."""
    unit, title = metric_of(metric).unit, metric_of(metric).title
    values = [float(row[SYSTEM]) * unit.factor for row in table]
    digits = 3 if unit.digits is None else unit.digits
    shown = ", ".join(f"{value:.{digits}f}{unit.symbol}" for value in values)
    apart = f"{stdev(values):.{digits}f} {unit.difference or unit.symbol}".strip()
    return [
        f"{title[:1].upper()}{title[1:]} by fold: {shown} (standard deviation {apart}).",
        f"Every row was judged once, by the model of the fold that did not see it; the "
        f"{confidence * 100:g} % intervals speak of other rows. The {len(table)} models share most "
        "of their training rows, so how far another training set would lead is not in them.",
    ]


def told_in(folds: Sequence[RunFolder]) -> list[str]:
    """Gather what happened in the folds' trainings that scores must be read with, each once."""
    where: dict[str, list[int]] = {}
    for number, fold in enumerate(folds):
        for event in fold.events.read():
            if event.get("is_lasting"):
                is_own = not str(event.get("phase")).startswith("baseline")
                message = str(event["message"])
                message = message if is_own else f"{event['phase']}: {message}"
                if number not in where.setdefault(message, []):
                    where[message].append(number)
    return [
        message if len(of) == len(folds) else f"Fold {', '.join(map(str, of))}: {message}"
        for message, of in where.items()
    ]


def describe_folds(
    documents: Sequence[Mapping[str, JSON]], lines: Sequence[Mapping[str, JSON]]
) -> dict[str, Any]:
    """Put the folds' `data.json` together: splits of the first fold, test rows of all."""
    first, n_folds = documents[0], len(documents)
    splits = {name: dict(one) for name, one in first["splits"].items()}
    for name in ("train", "validation"):
        splits[name]["made"] = f"in each of {n_folds} folds, here the first: {splits[name]['made']}"
    tests = [document["splits"]["test"] for document in documents]
    together = "".join(test["sha256"] for test in tests)
    splits["test"] |= {
        "rows": len(lines),
        "files": sorted({file for test in tests for file in test["files"]}),
        "made": f"all {n_folds} folds, each row judged once ({tests[0]['made']}, and so on)",
        "sha256": sha256(together.encode()).hexdigest(),
        "labels": _sums([test.get("labels") for test in tests]),
    }
    reading = [note for document in documents for note in document.get("reading") or ()]
    return {
        "splits": splits,
        "reading": list(dict.fromkeys(reading)),
        "findings": _worst([document.get("findings") or () for document in documents]),
        "tokens": first.get("tokens") or {},
    }


def _sums(counts: Sequence[Mapping[str, int] | None]) -> dict[str, int] | None:
    known = [one for one in counts if one is not None]
    names = dict.fromkeys(name for one in known for name in one)
    return {name: sum(one.get(name, 0) for one in known) for name in names} or None


def _worst(findings: Sequence[Sequence[Mapping[str, JSON]]]) -> list[dict[str, JSON]]:
    """Keep each finding once, of the fold where it is worst."""
    worst: dict[str, dict[str, JSON]] = {}
    for fold, found in enumerate(findings):
        for one in found:
            code = str(one["code"])
            if code not in worst or worst[code]["count"] < one["count"]:
                worst[code] = {**one, "message": f"Fold {fold}: {one['message']}"}
    return sorted(worst.values(), key=lambda one: SEVERITIES.index(one["severity"]))


def add_up(abouts: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """Add up the folds' times; the most memory that any of them held is that of all."""
    phases: dict[str, float] = {}
    for about in abouts:
        for phase, seconds in (about.get("phases") or {}).items():
            phases[phase] = round(phases.get(phase, 0.0) + seconds, 2)
    peaks = [about["peak_memory_mib"] for about in abouts if about.get("peak_memory_mib")]
    seconds = round(sum(about.get("seconds") or 0.0 for about in abouts), 2)
    return {
        **abouts[0],
        "phases": phases,
        "seconds": seconds,
        "peak_memory_mib": max(peaks, default=None),
    }
