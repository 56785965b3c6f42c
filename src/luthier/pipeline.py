"""THE MAIN PATH: from a recipe to a run folder that defends its model.

    recipe ─► data checked ─► model fine-tuned ─► baselines fitted ─► all judged on the test rows
           ─► predictions, scores, verdicts, report

Tasks, methods and baselines are whatever the catalogue gives; no name is asked for here.
`build_problem.py` is the first half; `evaluation/judge.py` gives the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from luthier import environment, process
from luthier.arguments import Overrides, checked
from luthier.build_problem import Prepared, describe_data, prepare
from luthier.cross_validation import cross_validate, is_cross_validated
from luthier.distributed.group import joined
from luthier.domains.adapt import adapted
from luthier.domains.forgetting import answer_others, tell_others
from luthier.domains.row_weights import weighed
from luthier.evaluation.baselines import fit_baselines, tell_trained
from luthier.evaluation.check_names import check_metric, check_slices
from luthier.evaluation.judge import SYSTEM
from luthier.evaluation.remarks import remarks
from luthier.evaluation.systems import (
    analyse_fine_tuned,
    describe_comparison,
    judge_systems,
    prediction_lines,
    tuned,
)
from luthier.expected_cost import expected_cost
from luthier.explaining.report_rows import explain_test_rows
from luthier.hf_types import Model
from luthier.job import Job
from luthier.load_splits import slice_columns
from luthier.models.identity import describe_model
from luthier.models.load import quietly
from luthier.models.rescale import rescale
from luthier.models.structure import count_parameters
from luthier.modes import give_usual_modes
from luthier.protocols import Method, Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.chosen_baselines import without_trained
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Target
from luthier.registry import find
from luthier.rejecting.fit import score_rows
from luthier.rejecting.judge import tell_rejection
from luthier.report.model_card import write_model_card
from luthier.report.render import write_report
from luthier.results import RunResult
from luthier.runs import RunFolder
from luthier.runs.follower import claim_together, share_result
from luthier.runs.portable import write_portable
from luthier.runs.recording import recording
from luthier.runs.resume import refuse_other_rows
from luthier.seeding import seed_of
from luthier.signals import listening
from luthier.training.listeners import Listener, Listeners, follow
from luthier.training.predict import predict
from luthier.training.state import seed_all


@checked
def run(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    out: str | Path | None = None,
    name: str | None = None,
    fresh: bool = False,
    quick: bool = False,
    data: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
) -> RunResult:
    """Follow a recipe from its files to its report.

    If an unfinished run of the same recipe and data exists, it is resumed. With folds (`n_folds`)
    each of them is run, and all rows are judged together. Several processes, as torchrun starts
    them, train one model together; the first owns the folder and judges.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: Changes of the recipe, as `section.field=value`.
        out: The run folder to make; None chooses one below `runs/`.
        name: The run's name below `runs/`; None names it after the recipe's file.
        fresh: Whether to start a new run even if an unfinished one exists.
        quick: Whether to leave out baselines that are trained like the model: they double the time.
        data: Split to rows in memory, instead of files: pandas frames, `datasets` or records.
            A recipe that is a mapping may hold them itself: `{"data": {"train": frame}, …}`.
        listeners: Functions called with every `StepInfo`. Nothing is shown without one;
            `luthier.cli.progress.watching` makes one that shows progress, in notebooks too.

    Returns:
        The run's folder, its scores and its verdicts.

    Raises:
        LuthierError: Something that the user can fix. If a step was taken, the run folder has the
            reason; otherwise nothing is left of it.
        Interrupted: By Ctrl-C; `Terminated` by SIGTERM. The same call resumes the run.
    """
    if name is None:
        name = Path(recipe).stem if isinstance(recipe, (str, Path)) else "run"
    with listening(), joined():
        recipe, rows = rows_apart(recipe, data)
        in_memory = [f"data.{split}=memory:{split}" for split in rows]
        checked = read_recipe(recipe, [*in_memory, *overrides])
        checked = without_trained(checked) if quick else checked
        find("engines", checked.engine).check(checked.training)
        task: Task = make_plugin("tasks", checked.task)
        folder = claim_together(checked, out=out, name=name, fresh=fresh)
        ending = recording(folder, on_failure=write_report)
        with ending, quietly(), Listeners(folder, listeners) as everyone:
            if is_cross_validated(checked):
                again = partial(_run_fold, data=rows, listeners=listeners)
                return cross_validate(
                    checked, task, folder, listeners=everyone, run_fold=again, given=rows
                )
            everyone.announce("checking the data")
            tell_trained(checked, everyone)
            model = adapted(checked, task, rows, folder, everyone, run)
            return _run(checked, prepare(checked, task, rows, model, everyone), folder, everyone)


def _run_fold(recipe: Recipe, place: Path, **given: Any) -> RunResult:
    """Run one fold of a cross-validation, or resume it."""
    return run(recipe, out=place, **given)


def _run(recipe: Recipe, prepared: Prepared, folder: RunFolder, listeners: Listeners) -> RunResult:
    """Walk the rest of the main path inside a run folder."""
    about = environment.describe()
    job = prepared.job.with_session(run=folder)
    described, sliced_by = describe_data(prepared), slice_columns(recipe)
    refuse_other_rows(folder, described)
    folder.write_json("data", described)
    check_metric(job)
    check_slices(sliced_by, job.problem.splits.test)

    method: Method = make_plugin("methods", recipe.method)
    model = job.session.make_model(True)
    job = job.with_session(held_to=facts(model, job, described))
    job = follow(weighed(recipe, job), listeners)
    listeners.others.append(expected_cost(recipe, job, model, listeners))
    seed_all(seed_of(recipe.training.seed, "method"))  # of weights that a method adds to the model
    model = follow(method.fit(model, job), listeners)
    about["parameters"] = dict(zip(("total", "trained"), count_parameters(model), strict=True))
    outputs = {SYSTEM: predict_splits(model, job, listeners), **getattr(method, "beside", {})}
    others = follow(answer_others(recipe, job, model, outputs[SYSTEM]), listeners)
    rejected = follow(score_rows(recipe, job, model, outputs[SYSTEM]), listeners)
    target = save(model, method, job, folder, outputs[SYSTEM])
    target = replace(target, rejection=rejected[0] if rejected else None)
    del model  # frees its memory for the baselines
    outputs |= follow(fit_baselines(recipe, job), listeners)

    if not folder.is_owned:
        return share_result(None)  # the owner judges
    listeners.announce("judging")
    judged = judge_systems(recipe, job, outputs)
    for remark in remarks(recipe, job, judged, list(folder.events.read())):
        listeners.remark(remark)
    panels = analyse_fine_tuned(recipe, job, outputs[SYSTEM], judged, slice_columns=sliced_by)
    panels += follow(explain_test_rows(recipe, job, folder, judged, target), listeners)
    panels += tell_others(recipe, others, folder, listeners)
    panels += tell_rejection(recipe, rejected, folder)
    about |= listeners.spent() | {"peak_memory_mib": process.peak_memory_mib()}
    folder.write_predictions(prediction_lines(job, judged.predictions))
    folder.write_json("scores", judged.scores)
    folder.write_json("comparison", describe_comparison(recipe, job, judged))
    folder.add_panels(panels)
    folder.write_json("target", target)
    write_portable(folder.model, recipe, target)
    folder.write_json("environment", about)
    write_model_card(folder.path)
    report = write_report(folder.path, status={"state": "finished"})
    folder.finish(keep_checkpoints=recipe.training.save_total_limit is not None)
    findings, told = tuple(prepared.findings), tuple(listeners.told)
    scores, comparisons = judged.scores, judged.comparisons
    return share_result(
        RunResult(str(folder.path), scores, comparisons, findings, str(report), told)
    )


def facts(model: Model, job: Job, described: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a resumed training is held to beside the recipe: the model and the rows."""
    beside = {name: described.get(name) for name in ("unlabelled", "replay")}
    read = described["splits"] | beside
    rows = {name: one["sha256"] for name, one in read.items() if one is not None}
    return {**describe_model(model, job.problem.codec.processor), "rows": rows}


def predict_splits(model: Model, job: Job, listeners: Listeners) -> dict[str, Outputs]:
    """Run the trained model over the rows that are judged."""
    return {
        split: follow(predict(model, job, split, phase=f"predicting {split}"), listeners)
        for split in job.problem.scored_splits
    }


def save(
    model: Model, method: Method, job: Job, folder: RunFolder, outputs: Mapping[str, Outputs]
) -> Target:
    """Write the model; return the target that decodes its outputs once it is read back."""
    codec = tuned(job, outputs)
    target = codec.target
    if rescale(model, mean=target.mean, scale=target.scale):
        target = replace(target, mean=0.0, scale=1.0)
    if folder.is_owned:
        method.save(model, codec.processor, folder.model)
        give_usual_modes(folder.model)
    return target
