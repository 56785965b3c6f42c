"""One model for every fold, and what they are worth together: out of fold, and on the test set.

    recipe ─► folds beside the test set ─► out-of-fold scores, one estimate over all their rows
           ─► the folds' models, each calibrated on the rows that it did not see ─► ensemble
           ─► out-of-fold answers as soft labels ─► one model distilled from them
           ─► all judged on the same test rows, beside the recipe's one model and its baselines

    FOLDER/            the cross-validation, a run folder, and with `ensemble.json` what predicts
    FOLDER/folds/      a run for each fold         FOLDER/single, FOLDER/distilled   further runs

Next: `prediction/ensemble.py`, which answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from luthier.arguments import Overrides, checked
from luthier.declarations import Panel
from luthier.evaluation.compare_runs import Judged
from luthier.evaluation.judge import SYSTEM, judge, resampling
from luthier.evaluation.pool_folds import judge_pooled, reordered
from luthier.load_splits import check_data
from luthier.metrics.names import metric_of
from luthier.pipeline import run
from luthier.prediction.averaging import DOCUMENTS
from luthier.prediction.ensemble import Ensemble
from luthier.prediction.predictor import load
from luthier.reading import refuse_errors
from luthier.recipe.checks import make_plugin
from luthier.recipe.chosen_baselines import without_trained
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.report.formatting import amount, interval
from luthier.report.render import write_report
from luthier.results import Comparison, Score, as_html
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder, plain
from luthier.studies.fold_members import calibrate, place_of, refuse_others, soft_labels
from luthier.studies.plan import name_of
from luthier.studies.runner import is_finished
from luthier.training.listeners import Listener

SINGLE, ENSEMBLE, DISTILLED = "single model", "ensemble", "distilled model"
SOFT = "soft_labels.json"
(DOCUMENT,) = DOCUMENTS


@dataclass(frozen=True)
class Folds:
    """What the models of all folds are worth, alone and together.

    Args:
        folder: Where all of it is; `luthier.load` opens the ensemble there.
        metric: The metric of the comparisons.
        confidence: Level of the intervals.
        out_of_fold: System to metric to score over the rows of all folds, each row judged once by
            a model that did not see it: one estimate, not one for each fold.
        test: The ensemble, the single and the distilled model and the baselines: system to metric
            to score on the test rows; empty without an ensemble.
        comparisons: The ensemble, then the distilled model, against the others on these rows.
        temperatures: Divisor of each model's logits, fitted on the rows that it did not see.
        told: What the scores must be read with, in sentences.
        report: Path of the page.
    """

    folder: str
    metric: str
    confidence: float
    out_of_fold: Mapping[str, Mapping[str, Score]]
    test: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    temperatures: tuple[float, ...] = ()
    told: tuple[str, ...] = ()
    report: str = ""

    def _repr_html_(self) -> str:
        """Draw the scores and the verdicts in a notebook."""
        sentences = [*(f"{one.system}: {one.verdict}" for one in self.comparisons), *self.told]
        return as_html(self.test or self.out_of_fold, sentences, f"Report: {self.report}")


@checked
def folds(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    n_folds: int = 5,
    ensemble: bool = False,
    distil: bool = False,
    out: str | Path | None = None,
    name: str | None = None,
    data: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
) -> Folds:
    """Train a model for every fold, and let them answer together.

    The test set of the recipe is left out of all folds. What was interrupted is resumed by the same
    call.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: Changes of the recipe, as `section.field=value`.
        n_folds: How many folds, and so models.
        ensemble: Whether to let the models answer together, and to judge that on the test rows
            beside one model of the recipe.
        distil: Whether to train one model on the folds' answers as well; implies `ensemble`.
        out: The folder; None makes it `runs/NAME-folds`.
        name: What to call it; None takes the name of the recipe's file.
        data: Split to rows in memory, as for a run.
        listeners: Called with every `StepInfo` of every run.

    Returns:
        Out-of-fold scores, test scores of what was made, and comparisons.

    Raises:
        RecipeError: The task's answers cannot be averaged, or the recipe has problems.
        DataError: The rows cannot be trained on.
        RunError: The folder holds a run of another recipe.
        Interrupted: By Ctrl-C. The same call resumes.

    Example:
        made = luthier.folds("recipe.yaml", n_folds=5, ensemble=True)
        print(made.comparisons[0].verdict)
        predictor = luthier.load(made.folder)
    """
    folder = Path(out or Path("runs") / f"{name or name_of(recipe)}-folds")
    recipe, rows = rows_apart(recipe, data)
    base = read_recipe(recipe, [*(f"data.{split}=memory:{split}" for split in rows), *overrides])
    ensemble = ensemble or distil
    refuse_others(base, n_folds, ensemble=ensemble, distil=distil)
    task = make_plugin("tasks", base.task)
    refuse_errors(check_data(base, task, rows).findings, base.data.ignore_findings)
    finish = partial(_finish, data=rows, listeners=listeners)
    finish(_in_folds(base, n_folds), folder)
    whole = RunFolder.open(folder).require_finished()
    metric, confidence = task.main_metric, base.evaluation.confidence
    pooled, _ = judge_pooled(base, task, whole.target(), list(whole.read_predictions()))
    report = str(whole.report)
    if not ensemble:
        told = _told(listeners, _out_of_fold_story(pooled, metric, n_folds))
        return Folds(str(folder), metric, confidence, pooled, told=told, report=report)
    finish(base, folder / "single")
    members = [load(place_of(folder, fold)) for fold in range(n_folds)]
    held_out = [
        rows_of_run(RunFolder.open(place_of(folder, fold)), one.recipe, one.task, rows).test
        for fold, one in enumerate(members)
    ]
    target, temperatures, answers = calibrate(members, held_out, whole.target(), listeners)
    systems = {SINGLE: RunFolder.open(folder / "single")}
    if distil:
        soft = soft_labels(folder / SOFT, held_out, answers, target, task)
        finish(_distilled(base, soft), folder / "distilled")
        systems[DISTILLED] = RunFolder.open(folder / "distilled")
    together = Ensemble.__new__(Ensemble)
    together.join(whole, members, temperatures, target)
    test, comparisons = _judged(base, together, systems, rows)
    told = _told(
        listeners,
        _out_of_fold_story(pooled, metric, n_folds),
        _calibration_story(temperatures, task.kind),
    )
    made = Folds(
        str(folder),
        metric,
        confidence,
        pooled,
        test,
        comparisons,
        tuple(temperatures),
        told,
        report,
    )
    _write(whole, made, together)
    return made


def _finish(
    recipe: Recipe,
    place: Path,
    *,
    data: Mapping[str, Any],
    listeners: Sequence[Listener],
) -> None:
    """Run a recipe in a folder, unless that is done; resume what was cut short."""
    if not is_finished(place, recipe):
        read = {name: rows for name, rows in data.items() if getattr(recipe.data, name) is not None}
        run(recipe, out=place, data=read, listeners=listeners)


def _in_folds(base: Recipe, n_folds: int) -> Recipe:
    """Give the recipe of all folds, beside whose rows the test set stands."""
    cut = base.data.split.model_copy(update={"n_folds": n_folds, "fold": None, "folds_of": "rest"})
    limit = {split: most for split, most in base.data.limit.items() if split != "test"}
    data = base.data.model_copy(update={"split": cut, "limit": limit})
    evaluation = base.evaluation.model_copy(update={"explained_rows": 0})
    made = base.model_copy(update={"data": data, "evaluation": evaluation})
    return read_recipe(without_trained(made).model_dump(mode="json"))


def _distilled(base: Recipe, soft: Path) -> Recipe:
    """Give the recipe of the model that is trained on the folds' answers."""
    tree = base.model_dump(mode="json")
    tree["method"] = {"name": "distillation", "options": {"soft_labels": str(soft)}}
    tree |= {"baselines": [], "augmentation": []}  # answers are to the texts as they are
    tree["data"]["unlabelled"] = None
    return read_recipe(tree)


def _judged(
    base: Recipe, together: Ensemble, runs: Mapping[str, RunFolder], data: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Score]], tuple[Comparison, ...]]:
    """Judge the ensemble, the other models and the baselines on the test rows."""
    rows = rows_of_run(runs[SINGLE], base, together.task, data).test
    codec, gold = together.codec, together.codec.gold(rows)
    said = {ENSEMBLE: together.predict(rows)}
    for name, run_folder in runs.items():
        found = Judged.read(run_folder.require_finished())
        for system in found.lines[0]["predictions"]:
            own = [line["predictions"][system] for line in found.lines]
            kept = [reordered(one, found.target.names, together.target.names) for one in own]
            said[name if system == SYSTEM else system] = codec.from_json(kept, rows)
    scores, comparisons = judge(codec, gold, said, system=ENSEMBLE, **resampling(base))
    if DISTILLED in said:
        others = {name: one for name, one in said.items() if name != ENSEMBLE}
        _, further = judge(codec, gold, others, system=DISTILLED, **resampling(base))
        comparisons += further
    return scores, comparisons


def _out_of_fold_story(pooled: Mapping[str, Mapping[str, Score]], metric: str, n_folds: int) -> str:
    score = pooled[SYSTEM][metric]
    ends = interval(score.low, score.high, metric)
    share = 100 * (n_folds - 1) / n_folds
    return (
        f"Out of fold, {metric_of(metric).title} is {amount(score.value, metric)} ({ends}): one "
        f"estimate over {score.n:,} rows, each judged once by the one of {n_folds} models that did "
        f"not see it. It speaks of one model trained on {share:.0f} % of these rows, not of all "
        "together."
    )


def _calibration_story(temperatures: Sequence[float], kind: str) -> str:
    if kind == "number":
        return "Numbers are averaged as they are: they have no probabilities to calibrate."
    shown = ", ".join(f"{one:.2f}" for one in temperatures)
    return (
        "Before probabilities are averaged, each model's logits are divided by a temperature "
        f"fitted on its own held-out fold ({shown}; above 1: it was too sure of itself)."
    )


def _told(listeners: Sequence[Listener], *sentences: str) -> tuple[str, ...]:
    for one in sentences:
        for listener in listeners:
            listener(StepInfo("judging", 0, 0, message=one, is_lasting=True))
    return sentences


def _write(whole: RunFolder, made: Folds, together: Ensemble) -> None:
    """Write `ensemble.json`, and add what came out to the report."""
    members = [
        {"folder": f"folds/fold-{fold}", "temperature": temperature}
        for fold, temperature in enumerate(made.temperatures)
    ]
    content = {
        "members": members,
        "target": together.target,
        "metric": made.metric,
        "test": made.test,
        "comparisons": made.comparisons,
        "told": made.told,
    }
    whole.write_json(DOCUMENT, plain(content))
    said = [{"of": one.system, "verdict": one.verdict} for one in made.comparisons]
    said += [{"of": "all folds", "verdict": one} for one in made.told]
    heading = "The ensemble on the test set"
    whole.add_panels(
        [
            Panel("ensemble", heading, [_row(made, system) for system in made.test]),
            Panel("ensemble-verdict", "Whether that is more than chance", said),
        ]
    )
    write_report(whole.path)


def _row(made: Folds, system: str) -> dict[str, Any]:
    """Lay out the scores of a system, the one that is compared by first."""
    scores = made.test[system]
    names = sorted(
        (name for name in scores if name == made.metric or metric_of(name).is_leading),
        key=lambda name: name != made.metric,
    )
    shown = {
        metric_of(name).title: f"{amount(score.value, name)} ({ends})"
        for name in names
        for score in [scores[name]]
        for ends in [interval(score.low, score.high, name)]
    }
    return {"system": system, **shown, "test rows": scores[made.metric].n}
