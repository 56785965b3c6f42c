"""What would more labels bring? The learning curve of a recipe, continued.

The curve is a ladder of one method: its cells are ordinary run folders beside those of `ladder`,
and what was trained for one is read by the other. Where a ladder has enough levels of the method,
these are taken; otherwise labels keep their shares in every draw, as labels to come would.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.arguments import Count, Overrides, ZeroOrMore, checked
from luthier.errors import RunError
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.report.forecast import write_forecast
from luthier.results import Score
from luthier.runs import plain
from luthier.runs.files import write_whole
from luthier.runs.places import making
from luthier.studies.ceiling import agreement_of_annotators, refuse_reached, said_of
from luthier.studies.expected import (
    BAND,
    Expected,
    LearningCurve,
    best_of,
)
from luthier.studies.forecast_plan import plan_forecast, targets_of
from luthier.studies.outcomes import SystemScores
from luthier.studies.plan import Plan, name_of
from luthier.studies.results import costs
from luthier.studies.runner import OnTrial, run_trials
from luthier.studies.said_of_forecast import sentences_of
from luthier.studies.statistics import Line, of_arm
from luthier.studies.trial import Failure
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

N_PLACES = 60  # at which the curve is drawn


@dataclass(frozen=True)
class Forecast:
    """What more labels would bring.

    Args:
        name: The name of the recipe.
        method: The method that was trained.
        metric: The metric of the scores.
        confidence: Level of the intervals of scores that were measured.
        band: Level of the bands of scores that are expected.
        sizes: Numbers of labels that were tried, ascending.
        lines: The score at each of them.
        curve: The fitted curve with its band, from the first size to the farthest forecast.
        expected: What is expected with more.
        missed_a_doubling: By how much larger sizes that are known were missed, for each doubling.
        exponent: How fast the error falls: it is proportional to labels to the power of minus so.
        ceiling: The score that no model can exceed, where one was given.
        failures: The trials that could not be run, each with `cell`, `reason` and `hint`.
        sentences: The same in words.
        notes: The protocol in words.
        n_test: The number of test rows.
        seeds: The seeds of draws and trainings.
        folder: The folder of the study.
    """

    name: str
    method: str
    metric: str
    confidence: float
    band: float
    sizes: tuple[int, ...]
    lines: tuple[Line, ...]
    curve: tuple[Expected, ...]
    expected: tuple[Expected, ...]
    missed_a_doubling: float
    exponent: float
    ceiling: float | None
    failures: tuple[dict[str, str | None], ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    n_test: int
    seeds: tuple[int, ...]
    folder: str

    @property
    def report(self) -> str:
        """Path of the page with all of this."""
        return str(Path(self.folder) / "forecast.html")


@checked
def forecast(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    to: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    ceiling: float | None = None,
    n_seeds: Count = 5,
    min_steps: ZeroOrMore = 100,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Forecast:
    """Find out what more labels would bring: the learning curve, continued, with a band.

    Trains the recipe with several numbers of its labels and several seeds, judged on the same test
    rows. Runs of a `ladder` in the same folder are read instead; an unfinished study is resumed.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe.
        to: Numbers of labels to forecast for, in all; None: half as many more, 2 and 4 times.
        sizes: Numbers of labels to try, in all; None: those of a ladder, or six up to all.
        ceiling: A score that no model can exceed, such as the agreement of annotators.
        n_seeds: How many draws and trainings each size has.
        min_steps: The least number of optimizer steps of every training.
        out: The folder of the study; None makes it `runs/NAME-ladder`, which `ladder` shares.
        name: What to call the study; None takes the name of the recipe's file.
        keep_models: Whether runs keep the weights that they trained.
        jobs: How many runs are made at once, each in a process of its own, or `Workers("ray")`.
        on_trial: Called with (study, number, trial, None) before each run, and with its outcome in
            place of None after it.
        listeners: Called with every `StepInfo` of every run, for progress bars and the like.

    Returns:
        What is expected, with bands, and in `sentences`; `report` is the path of the page.

    Raises:
        RecipeError: The metric has no best value, or a forecast is asked for too far away.
        DataError: The data cannot be trained on, or the curve cannot bear a forecast: it is flat,
            or has too few sizes.
        RunError: The folder holds another study, or too few runs finished.
        Interrupted: By Ctrl-C. The same call resumes the study.

    Example:
        found = luthier.forecast("recipe.yaml", to=[1000, 2000])
        print(found.sentences[0], found.expected[0].gain_low, found.report)
    """
    name = name or name_of(recipe)
    base = read_recipe(recipe, overrides)
    folder = Path(out or Path("runs") / f"{name}-ladder")
    plan, rows = plan_forecast(base, folder, sizes=sizes, n_seeds=n_seeds, min_steps=min_steps)
    best_of(plan.metric, ceiling)
    agreed = None if ceiling is not None else agreement_of_annotators(base, plan.metric)
    targets = targets_of(to, max(rows.values()))
    with making(folder):
        folder.mkdir(parents=True, exist_ok=True)
    systems, failures = run_trials(
        plan, folder, keep_models=keep_models, jobs=jobs, on_trial=on_trial, listeners=listeners
    )
    own = [one for one in systems if one.arm == base.method.name]
    about: dict[str, Any] = {"name": name, "folder": folder, "ceiling": ceiling, "agreed": agreed}
    found = sum_up(plan, own, failures, rows, targets, **about)
    document = {key: value for key, value in plain(found).items() if key != "folder"}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / "forecast.json", [text])
    write_forecast(folder, document)
    return found


def sum_up(
    plan: Plan,
    systems: Sequence[SystemScores],
    failures: Sequence[Failure],
    rows: Mapping[str, int],
    targets: Sequence[int],
    *,
    name: str,
    folder: Path,
    ceiling: float | None = None,
    agreed: Score | None = None,
) -> Forecast:
    """Continue the curve of the seeds that have all sizes.

    Args:
        plan: The trials.
        systems: What they scored.
        failures: Those that could not be run.
        rows: Number of labels at each level.
        targets: Numbers of labels to look to.
        name: Of the study.
        folder: Its folder.
        ceiling: A score that no model can exceed.
        agreed: How well annotators agree, which is the ceiling where none is given.

    Raises:
        RunError: There are not two such seeds.
        DataError: The curve cannot be continued.
    """
    of = {(one.trial.seed, one.trial.level): one for one in systems}
    seeds = sorted({seed for seed, _ in of if all((seed, level) in of for level in rows)})
    if len(seeds) < 2:
        raise RunError(
            f"{len(failures)} of {len(plan.trials)} runs could not be made.",
            received=f"{failures[0].trial.name}: {failures[0].reason}",
            hint=failures[0].hint or "the same command tries again",
        )
    grid = [[of[seed, level] for level in rows] for seed in seeds]
    values = np.array([[one.values[plan.metric] for one in draw] for draw in grid])
    if agreed is not None:
        refuse_reached(agreed, values[:, -1], plan.metric, max(rows.values()))
        ceiling = agreed.value
    curve = LearningCurve(
        plan.metric,
        [*rows.values()],
        values,
        np.array([[one.resampled for one in draw] for draw in grid]),
        ceiling=ceiling,
    )
    lines = []
    for level, size in rows.items():
        found = [of[seed, level] for seed in seeds]
        score = of_arm(found, plan.metric, confidence=plan.confidence)
        lines.append(Line(str(size), found[0].arm, score, costs(found)))
    n_rows = max(rows.values())
    expected = tuple(curve.at(one) for one in targets)
    places = np.geomspace(min(rows.values()), targets[-1], N_PLACES).round().astype(int)
    return Forecast(
        name=name,
        method=lines[0].arm,
        metric=plan.metric,
        confidence=plan.confidence,
        band=BAND,
        sizes=tuple(rows.values()),
        lines=tuple(lines),
        curve=tuple(curve.at(int(one)) for one in sorted({*places.tolist(), n_rows})),
        expected=expected,
        missed_a_doubling=curve.missed_a_doubling,
        exponent=float(curve.centre.exponent[0]),
        ceiling=ceiling,
        failures=tuple(
            {"cell": one.trial.name, "reason": one.reason, "hint": one.hint} for one in failures
        ),
        sentences=tuple(sentences_of(expected, curve, n_rows)),
        notes=(*plan.notes, *_notes(agreed, plan.metric)),
        n_test=grid[0][0].n_test,
        seeds=tuple(seeds),
        folder=str(folder),
    )


def _notes(agreed: Score | None, metric: str) -> list[str]:
    if agreed is None:
        return []
    return [f"Nothing above what annotators agree by is expected: {said_of(agreed, metric)}."]
