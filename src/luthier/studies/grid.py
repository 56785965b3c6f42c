"""The cells of a study: each an ordinary run folder, done once, in an order that is useful early.

A study that was stopped goes on: cells that are finished are read, one that was cut short goes on
from its checkpoint, and the others are run. A cell that cannot be run leaves its reason and does
not stop the others. All cells are judged on the same test rows, or the study is refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luthier import process
from luthier.errors import LuthierError, RunError
from luthier.metrics.intervals import bootstrap
from luthier.pipeline import SYSTEM, run
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.runs.resume import differences


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Args:
        arm: What is compared, such as a method. `level`: Labels a class, or `full`; or nothing.
        seed: Of draws and training. `recipe`: What is run.
    """

    arm: str
    level: str
    seed: int
    recipe: Recipe

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return "-".join([self.arm, *([self.level] if self.level else []), f"seed{self.seed}"])


@dataclass(frozen=True)
class Outcome:
    """What a cell came to.

    Args:
        cell: The cell. `system`: Which system of its run: the trained model, or a baseline.
        values: Metric to score on the test rows. `resampled`: The main metric on each of the same
            resamples of the test rows, (resamples,).
        n_test: Test rows. `facts`: Seconds, peak memory, parameters, bytes on disk.
    """

    cell: Cell
    system: str
    values: dict[str, float]
    resampled: Array
    n_test: int
    facts: dict[str, Any]

    @property
    def arm(self) -> str:
        """What is compared."""
        return self.cell.arm if self.system == SYSTEM else self.system


@dataclass(frozen=True)
class Failure:
    """A cell that could not be run, and why."""

    cell: Cell
    reason: str
    hint: str | None


Told = Callable[[int, int, Cell, list[Outcome] | Failure | None], None]


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    *,
    metric: str | None,
    keep_models: bool,
    tell: Told,
    listeners: Sequence[Any] = (),
) -> tuple[list[Outcome], list[Failure]]:
    """Run all cells that are not finished, and read all.

    Args:
        cells: In the order in which they are run.
        folder: Of the study.
        metric: The metric of the verdict; None: the task's own.
        keep_models: Whether cells keep the weights that they trained.
        tell: Called before each cell (with None) and after it.
        listeners: Called with every `StepInfo`.

    Raises:
        RunError: A cell's folder holds a run of another recipe, or two cells have different test
            rows.
        Interrupted: By Ctrl-C; the same study goes on.
    """
    outcomes: list[Outcome] = []
    failures: list[Failure] = []
    judged: dict[str, Cell] = {}
    left: dict[tuple[str, int], Any] = {}  # baselines of cells that failed, for the next method
    for number, planned in enumerate(cells, start=1):
        draw = (planned.level, planned.seed)
        cell = with_baselines(planned, left.pop(draw, None))
        tell(number, len(cells), cell, None)
        place = folder / "cells" / cell.folder
        was_done = is_done(place, cell.recipe)
        try:
            if not was_done:
                _run(cell, place, listeners=listeners)
            found = read_outcomes(cell, RunFolder.open(place), metric=metric)
        except LuthierError as problem:
            failures.append(Failure(cell, problem.problem, problem.hint))
            left[draw] = cell.recipe.baselines
            tell(number, len(cells), cell, failures[-1])
            continue
        refuse_other_test(judged, cell, RunFolder(place))
        outcomes += found
        if not keep_models and not was_done:
            shutil.rmtree(place / "model", ignore_errors=True)
        tell(number, len(cells), cell, found)
    return outcomes, failures


def with_baselines(cell: Cell, baselines: Any) -> Cell:
    """Have a cell judge baselines that another cell of the same rows was to judge, and failed."""
    if not baselines or cell.recipe.baselines:
        return cell
    return replace(cell, recipe=cell.recipe.model_copy(update={"baselines": baselines}))


def refuse_other_test(judged: dict[str, Cell], cell: Cell, run_folder: RunFolder) -> None:
    """Remember what a cell was judged on; raise where another one was judged on other rows.

    Raises:
        RunError: The two cells are named: their scores cannot be compared.
    """
    test = run_folder.read_json("data")["splits"]["test"]["sha256"]
    judged.setdefault(test, cell)
    if len(judged) > 1:
        first = next(iter(judged.values()))
        raise RunError(
            "All runs of a study must be judged on the same test rows.",
            received=f"{first.folder} and {cell.folder} were judged on different ones",
            hint="--out another folder begins another study; recipes that are compared need the "
            "same data section",
        )


def _run(cell: Cell, place: Path, *, listeners: Sequence[Any]) -> None:
    if (place / "recipe.yaml").is_file() and RunFolder(place).state()["state"] == "failed":
        shutil.rmtree(place)  # nothing of it is worth going on with
    process.reset_peak_memory()
    run(cell.recipe, out=place, listeners=listeners)
    model = place / "model"
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    kept = RunFolder(place)
    kept.write_json("environment", {**(kept.read_json("environment") or {}), "model_bytes": size})


def is_done(place: Path, recipe: Recipe) -> bool:
    """Say whether a cell was finished before.

    Raises:
        RunError: It was, or was begun and trained, but of another recipe.
    """
    if not (place / "recipe.yaml").is_file():
        return False
    folder = RunFolder(place)
    state = folder.state()["state"]
    if state == "failed" or (state != "finished" and not folder.has_work):
        return False
    changes = [change for change in differences(folder, recipe) if not change.is_safe]
    if changes:
        raise RunError(
            "This study was begun with another recipe.",
            received=f"{place}: {'; '.join(map(str, changes[:3]))}",
            hint="--out another folder begins another study",
        )
    return bool(state == "finished")


def read_outcomes(cell: Cell, run_folder: RunFolder, *, metric: str | None) -> list[Outcome]:
    """Read what every system of a finished run scored, on the same resamples for all runs."""
    recipe = run_folder.recipe()
    task = make_plugin("tasks", recipe.task)
    codec = task.codec(run_folder.target())
    lines = list(run_folder.read_predictions())
    names = lines[0]["columns"]
    rows = Rows.of({name: [line["columns"][name] for line in lines] for name in names})
    gold = codec.gold(rows)
    scores = run_folder.read_json("scores")
    chosen = metric or task.main_metric
    about = run_folder.read_json("environment") or {}
    found = []
    for system in lines[0]["predictions"]:
        said = codec.from_json([line["predictions"][system] for line in lines], rows)
        drawn = bootstrap(
            codec.measure(gold, said),
            len(rows),
            n_resamples=recipe.evaluation.n_resamples,
            seed=0,
        )
        values = {name: score["value"] for name, score in scores[system].items()}
        facts = facts_of(about) if system == SYSTEM else {}
        found.append(Outcome(cell, system, values, drawn[chosen], len(rows), facts))
    return found


def facts_of(about: dict[str, Any]) -> dict[str, Any]:
    """Pick what a method cost from what its run says of itself."""
    phases = about.get("phases", {})
    aside = ("checking", "predicting", "baseline", "judging")
    seconds = sum(value for name, value in phases.items() if not name.startswith(aside))
    return {
        "seconds": seconds,
        "peak_memory_mib": about.get("peak_memory_mib"),
        "parameters": (about.get("parameters") or {}).get("total"),
        "trained": (about.get("parameters") or {}).get("trained"),
        "bytes": about.get("model_bytes"),
    }
