"""Does each input add anything? The recipe again without each of its inputs, with the same seeds.

What an input adds is the score with all inputs less that of a model that was trained without it, on
the same test rows: a model that was trained with an input and is then denied it says only what it
relies on, not what it needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Overrides, checked
from luthier.errors import RecipeError
from luthier.metrics.names import as_points
from luthier.prediction.predictor import Predictor
from luthier.reading import without_answers
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.report.study import HELPED, HURT
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.runs.files import write_whole
from luthier.studies.ablate import AS_IS, plan_ablation
from luthier.studies.changes import signed, verdict_of, what_would_tell
from luthier.studies.plan import name_of
from luthier.studies.results import Results
from luthier.studies.runner import OnTrial, run_study
from luthier.studies.statistics import Pair
from luthier.studies.trial import Outcome, Study, Trial
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

WITHOUT = "without "
RELIANCE = "reliance"  # in a study's folder: what each model relies on


@checked
def modalities(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    n_seeds: Count = 5,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Results:
    """Find out which inputs add something: the recipe is trained again without each of them.

    An unfinished study in the same folder is resumed.

    Args:
        recipe: A recipe with several inputs, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe first.
        n_seeds: How many trainings each arm has.
        out: The folder of the study; None makes it `runs/NAME-modalities`.
        name: What to call the study; None takes the name of the recipe's file.
        keep_models: Whether runs keep the weights that they trained.
        jobs: How many runs are made at once, each in a process of its own, or `Workers("ray")`.
        on_trial: Called with (study, number, trial, None) before each run, and with its outcome in
            place of None after it.
        listeners: Called with every `StepInfo` of every run, for progress bars and the like.

    Returns:
        The recipe without each input compared with the recipe as it is, p-values corrected for
        their number (Holm); what each input adds is in `sentences`.

    Raises:
        RecipeError: The task does not read several inputs.
        DataError: The data cannot be trained on.
        RunError: The folder holds another study.
        Interrupted: By Ctrl-C. The same call resumes the study.

    Example:
        study = luthier.modalities("items.yaml")
        print(study.sentences, study.report)
    """
    name = name or name_of(recipe)
    base = read_recipe(recipe, [*overrides, "baselines=[]"])
    plan = plan_ablation(base, arms_of(base), levels=[""], seeds=range(n_seeds), name=name)
    plan.notes = (
        "Each arm is trained without one input, which is taken as absent in all rows.",
        "Rows and seeds are the same for all arms; each is compared with the recipe as it is, "
        "paired by seed; p-values are corrected for the number of inputs (Holm).",
        "What an input adds is what is lost without it; inputs that say the same add nothing each.",
    )
    folder = Path(out or Path("runs") / f"{name}-modalities")

    def asked(study: Study, number: int, trial: Trial, outcome: Outcome | None) -> None:
        if outcome is not None and outcome.failure is None and trial.arm == AS_IS:
            ask_again(folder, trial)
        if on_trial is not None:
            on_trial(study, number, trial, outcome)

    def said(compared: Sequence[Pair], metric: str, *, unit: str) -> list[str]:
        return [*what_they_add(compared, metric, unit=unit), *what_it_relies_on(folder, metric)]

    return run_study(
        plan,
        folder,
        keep_models=keep_models,
        jobs=jobs,
        on_trial=asked,
        listeners=listeners,
        said=said,
    )


def ask_again(folder: Path, trial: Trial) -> None:
    """Measure what a trial's model relies on, and keep it: the model may be deleted."""
    kept = folder / RELIANCE / f"{trial.name}.json"
    run = RunFolder(folder / "cells" / trial.name)
    if kept.is_file() or not run.model.is_dir():
        return
    from luthier.explaining.reliance import reliance

    predictor = Predictor(run)
    test = rows_of_run(run, run.recipe(), predictor.task).test
    found = reliance(
        predictor.model,
        predictor.codec,
        without_answers(test, predictor.task),
        predictor.codec.gold(test),
        seed=trial.seed,
    )
    kept.parent.mkdir(exist_ok=True)
    write_whole(kept, [json.dumps(found, indent=1) + "\n"])


def what_it_relies_on(folder: Path, metric: str) -> list[str]:
    """Say what the models with all inputs lose where one is absent or another row's, in words."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((folder / RELIANCE).glob("*"))]
    if not found:
        return []
    points = " points" if as_points(metric) else ""
    n = f"{len(found)} seed{'s' if len(found) > 1 else ''}, {found[0]['n']} test rows"

    def mean(values: Iterable[float]) -> str:
        known = list(values)
        least, most = (signed(one, metric) for one in (min(known), max(known)))
        return f"{signed(sum(known) / len(known), metric)}{points} ({least} to {most})"

    said = [
        f"The model relies on {role}: without it, it loses "
        f"{mean(one['inputs'][role]['masked'] for one in found)}; with that of another row, "
        f"{mean(one['inputs'][role]['permuted'] for one in found)} (mean and range of {n})."
        for role in found[0]["inputs"]
    ]
    together = mean(one["together"] - one["additive"] for one in found)
    return [*said, f"What it makes of inputs together, beyond adding them up: {together}."]


def arms_of(base: Recipe) -> dict[str, Recipe]:
    """Make the recipe of every arm: as it is, and without each input.

    Raises:
        RecipeError: There are not several inputs.
    """
    inputs = base.task.options.get("inputs", {})
    if not isinstance(inputs, Mapping) or len(inputs) < 2:
        raise RecipeError(
            "What inputs add is asked of a recipe with several of them.",
            received=f"task {base.task.name}, inputs: {', '.join(inputs) or 'one text'}",
            hint='task=multimodal-classification "task.options.inputs={text: text, price: number}"',
        )
    arms = {AS_IS: base}
    for role in inputs:
        left_out = [*base.task.options.get("left_out", ()), role]
        arms[f"{WITHOUT}{role}"] = read_recipe(base, [f"task.options.left_out={left_out}"])
    return arms


def what_they_add(compared: Sequence[Pair], metric: str, *, unit: str) -> list[str]:
    """Say of each input whether the model is worse without it.

    Args:
        compared: Each recipe without an input against the recipe as it is.
        metric: Of the scores.
        unit: Not used: there are no levels.
    """
    said = []
    points = " points" if as_points(metric) else ""
    for pair in compared:
        lost = pair.difference
        gain = replace(lost, mean=-lost.mean, low=-lost.high, high=-lost.low)
        low, high = signed(gain.low, metric), signed(gain.high, metric)
        amount = f"{signed(gain.mean, metric)}{points}, from {low} to {high}"
        role, verdict = pair.first.removeprefix(WITHOUT), verdict_of(pair)
        if verdict == HURT:
            said.append(f"{role} adds something ({amount}).")
        elif verdict == HELPED:
            said.append(f"{role} does harm: without it the model is better ({amount}).")
        else:
            said.append(f"{role} is not shown to add anything ({amount}; {what_would_tell(gain)}).")
    return said
