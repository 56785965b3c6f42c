"""THE MAIN PATH: from a recipe to a run folder that defends its model.

    recipe ─► data checked ─► model fine-tuned ─► baselines fitted ─► all judged on the test rows
           ─► predictions, scores, verdicts, report

Nothing here asks for a name: tasks, methods and baselines are whatever the catalogue gives.
`build_problem.py` is the first half; `evaluation/judge.py` gives the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luthier import environment, process
from luthier.build_problem import Prepared, describe_data, prepare
from luthier.codec import Codec
from luthier.declarations import Panel
from luthier.errors import RecipeError, RunError, nearest
from luthier.evaluation.analysis import analyse, check_slices
from luthier.evaluation.judge import judge
from luthier.job import Job
from luthier.load_splits import check_data, column_name
from luthier.metrics.names import lower_is_better
from luthier.models.load import quietly
from luthier.models.rescale import rescale
from luthier.models.structure import count_parameters
from luthier.protocols import Baseline, Method, Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Plugin, Recipe
from luthier.records import Outputs, Predictions, Splits, Target
from luthier.registry import find
from luthier.report.model_card import write_model_card
from luthier.report.render import write_report
from luthier.results import Comparison, Finding, RunResult, Score
from luthier.runs import RunFolder
from luthier.runs.resume import claim
from luthier.signals import listening
from luthier.training.listeners import Listener, Listeners, follow
from luthier.training.predict import predict

SYSTEM = "fine-tuned"


def run(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    name: str | None = None,
    fresh: bool = False,
    data: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
) -> RunResult:
    """Follow a recipe from its files to its report.

    Where an unfinished run of the same recipe and data is there, it is gone on with.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to it.
        out: The run folder to make; None: one below `runs/`.
        name: What to call the run below `runs/`; None: as the recipe's file.
        fresh: Begin anew, whatever unfinished runs are there.
        data: Split to rows in memory, instead of files: pandas frames, `datasets` or records.
        listeners: Called with every `StepInfo`, for progress bars and the like.

    Returns:
        Where the run lies, its scores and its verdicts.

    Raises:
        LuthierError: Something that the user can fix; the run folder, if made, has the reason.
        Interrupted: By Ctrl-C; `Terminated` by SIGTERM. The same call goes on.
    """
    if name is None:
        name = Path(recipe).stem if isinstance(recipe, (str, Path)) else "run"
    in_memory = [f"data.{split}=memory:{split}" for split in data or ()]
    checked = read_recipe(recipe, [*in_memory, *overrides])
    find("engines", checked.engine).check(checked.training)
    task: Task = make_plugin("tasks", checked.task)
    with listening():
        folder = claim(checked, out=out, name=name, fresh=fresh)
        with folder.recording(on_failure=write_report), quietly():
            everyone = Listeners(folder, listeners)
            everyone.announce("checking the data")
            return _run(checked, prepare(checked, task, data), folder, everyone)


def _run(recipe: Recipe, prepared: Prepared, folder: RunFolder, listeners: Listeners) -> RunResult:
    """Walk the rest of the main path inside a run folder."""
    about = environment.describe()
    job = prepared.job.with_session(run=folder)
    described = describe_data(prepared)
    refuse_other_data(folder, described)
    folder.write_json("data", described)
    check_metric(job)
    check_slices(slice_columns(recipe), job.problem.splits.test)

    method: Method = make_plugin("methods", recipe.method)
    model = follow(method.fit(job.session.make_model(True), job), listeners)
    about["parameters"] = dict(zip(("total", "trained"), count_parameters(model), strict=True))
    outputs = {SYSTEM: predict_splits(model, job, listeners)}
    target = save(model, method, job, folder, outputs[SYSTEM])
    del model  # its memory is the baselines' now
    for baseline in make_baselines(recipe, job):
        outputs[baseline.name] = dict(follow(baseline.fit(job), listeners))

    listeners.announce("judging")
    judged = judge_all(recipe, job, outputs)
    folder.write_predictions(lines(job, judged.predictions))
    folder.write_json("scores", judged.scores)
    folder.write_json("comparison", comparison(recipe, job, judged))
    folder.add_panels(analyse_system(recipe, job, outputs[SYSTEM], judged))
    about |= listeners.spent() | {"peak_memory_mib": process.peak_memory_mib()}
    folder.write_json("target", target)
    folder.write_json("environment", about)
    write_model_card(folder.path)
    report = write_report(folder.path, status={"state": "finished"})
    folder.finish(keep_checkpoints=recipe.training.save_total_limit is not None)
    return RunResult(
        str(folder.path),
        judged.scores,
        judged.comparisons,
        tuple(prepared.findings),
        str(report),
    )


@dataclass(frozen=True)
class Judged:
    """Every system's answers on the test rows, their scores, and the verdicts."""

    predictions: dict[str, Predictions]
    scores: dict[str, dict[str, Score]]
    comparisons: tuple[Comparison, ...]


def refuse_other_data(folder: RunFolder, described: Mapping[str, Any]) -> None:
    """Raise rather than go on with rows that are not those of the beginning.

    Raises:
        RunError: Something was trained on others.
    """
    before = (folder.read_json("data") or {}).get("splits", {})
    changed = [
        f"{split} ({before[split]['rows']} rows before, {now['rows']} now)"
        for split, now in described["splits"].items()
        if split in before and before[split]["sha256"] != now["sha256"]
    ]
    if changed and folder.has_work:
        raise RunError(
            f"The rows are not those that {folder.path} was begun with, and it is not finished.",
            received=f"changed: {', '.join(changed)}",
            hint="--fresh begins another run, or bring the rows back to go on",
        )


def check_metric(job: Job) -> None:
    """Refuse metrics that the task lacks, or without a better direction, before any training."""
    lower_is_better(job.problem.codec.task.main_metric)
    asked = job.plan.training.metric_for_best_model
    rows = job.problem.splits.validation
    if asked is None or len(rows) == 0:
        return
    known = job.problem.validation_scores(
        job.problem.codec.uninformed_outputs(rows, validation=True)
    )
    if asked not in known:
        close = nearest(asked, known)
        raise RecipeError(
            f"The task {job.problem.codec.task.name} has no metric called '{asked}'.",
            received=f"training.metric_for_best_model={asked}",
            hint=f"did you mean '{close}'?" if close else f"one of: {', '.join(known)}",
        )


def slice_columns(recipe: Recipe) -> list[str]:
    """Name the columns to slice by as the rows do."""
    columns = recipe.data.columns
    return [column_name(asked, columns) or asked for asked in recipe.evaluation.slices]


def make_baselines(recipe: Recipe, job: Job) -> list[Baseline]:
    """Make the baselines that the recipe names, or the task's own."""
    plugins = recipe.baselines
    if plugins is None:
        plugins = [Plugin(name=name) for name in job.problem.codec.task.baselines]
    return [make_plugin("baselines", plugin) for plugin in plugins]


def predict_splits(model: Any, job: Job, listeners: Listeners) -> dict[str, Outputs]:
    """Run the trained model over the rows that are judged."""
    return {
        split: follow(predict(model, job, split, phase=f"predicting {split}"), listeners)
        for split in job.problem.scored_splits
    }


def tuned(job: Job, outputs: Mapping[str, Outputs]) -> Codec:
    """Choose on validation what decoding needs, where there are validation rows."""
    problem = job.problem
    if "validation" not in outputs or len(problem.splits.validation) == 0:
        return problem.codec
    return problem.codec.tuned(outputs["validation"], problem.gold["validation"])


def save(
    model: Any, method: Method, job: Job, folder: RunFolder, outputs: Mapping[str, Outputs]
) -> Target:
    """Write the model; return the target that decodes its outputs once it is read back."""
    codec = tuned(job, outputs)
    target = codec.target
    if rescale(model, mean=target.mean, scale=target.scale):
        target = replace(target, mean=0.0, scale=1.0)
    method.save(model, codec.processor, folder.model)
    return target


def judge_all(recipe: Recipe, job: Job, outputs: Mapping[str, Mapping[str, Outputs]]) -> Judged:
    """Decode every system's outputs on the test rows and judge them."""
    predictions = {
        system: tuned(job, by_split).decode(by_split["test"])
        for system, by_split in outputs.items()
    }
    scores, comparisons = judge(
        job.problem.codec,
        job.problem.gold["test"],
        predictions,
        n_resamples=recipe.evaluation.n_resamples,
        confidence=recipe.evaluation.confidence,
        seed=recipe.training.seed,
        system=SYSTEM,
    )
    return Judged(predictions, scores, comparisons)


def analyse_system(
    recipe: Recipe, job: Job, outputs: Mapping[str, Outputs], judged: Judged
) -> list[Panel]:
    """Analyse the errors of the fine-tuned model: calibration, slices, mistakes."""
    problem = job.problem
    return analyse(
        tuned(job, outputs),
        problem.gold["test"],
        problem.splits.test,
        judged.predictions[SYSTEM],
        validation_outputs=outputs.get("validation"),
        validation_gold=problem.gold["validation"],
        lengths=problem.items["test"].full_lengths,
        slice_columns=slice_columns(recipe),
        n_resamples=recipe.evaluation.n_resamples,
        confidence=recipe.evaluation.confidence,
        seed=recipe.training.seed,
    )


def comparison(recipe: Recipe, job: Job, judged: Judged) -> dict[str, Any]:
    """Say what `comparison.json` keeps."""
    return {
        "main_metric": job.problem.codec.task.main_metric,
        "validation_metric": job.plan.training.metric_for_best_model
        or job.problem.codec.task.validation_metric,
        "system": SYSTEM,
        "confidence": recipe.evaluation.confidence,
        "n_resamples": recipe.evaluation.n_resamples,
        "comparisons": judged.comparisons,
    }


def cell_json(task: Task, column: str, cell: Any) -> Any:
    """Write a cell of the test rows as JSON: inputs that are no texts as their kind shows them."""
    kinds = {one.role: one.kind for one in task.columns if one.role in task.input_roles}
    kind = kinds.get(column, "text")
    return cell if find("inputs", kind).is_text else find("inputs", kind)().show(cell).data


def lines(job: Job, predictions: Mapping[str, Predictions]) -> Iterator[dict[str, Any]]:
    """Write out every test row with the prediction of each system."""
    codec, rows, gold = job.problem.codec, job.problem.splits.test, job.problem.gold["test"]
    for index in range(len(rows)):
        yield {
            "index": index,
            "where": rows.where(index),
            "columns": {
                name: cell_json(codec.task, name, values[index])
                for name, values in rows.columns.items()
            },
            "gold": codec.to_json(gold, index, rows),
            "predictions": {
                system: {
                    "answer": codec.to_json(made.answers, index, rows),
                    **codec.extra_json(made, index),
                }
                for system, made in predictions.items()
            },
        }


def inspect_recipe(
    recipe: Recipe | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()
) -> tuple[Splits, list[Finding], list[str]]:
    """Read, split and check the data of a recipe, and stop there.

    Raises:
        DataError: A file or an answer cannot be understood.
    """
    made = read_recipe(recipe, overrides)
    task: Task = make_plugin("tasks", made.task)
    checked = check_data(made, task)
    if not any(finding.severity == "error" for finding in checked.findings):
        codec = task.codec(checked.learn_target(task))
        for _, rows in checked.splits.items():
            codec.gold(rows)
    return checked.splits, checked.findings, checked.notes
