"""Judge all systems of a run on its test rows: the fine-tuned model and the baselines.

`judge.py` gives the verdict and `analysis.py` looks for errors; this file hands them a job's rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.codec import Codec
from luthier.declarations import JSON, Panel
from luthier.evaluation.analysis import analyse
from luthier.evaluation.comparisons import resamples_drawn
from luthier.evaluation.judge import SYSTEM, judge, resampling
from luthier.job import Job
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Predictions
from luthier.registry import find
from luthier.results import Comparison, Score


@dataclass(frozen=True)
class Judged:
    """The verdict of a run.

    Args:
        predictions: System to its predictions of the test rows.
        scores: System to metric to score.
        comparisons: The fine-tuned model against each baseline.
    """

    predictions: dict[str, Predictions]
    scores: dict[str, dict[str, Score]]
    comparisons: tuple[Comparison, ...]


def tuned(job: Job, outputs: Mapping[str, Outputs]) -> Codec:
    """Tune decoding on a system's outputs of the validation rows, if there are any."""
    problem = job.problem
    if "validation" not in outputs or len(problem.splits.validation) == 0:
        return problem.codec
    return problem.codec.tuned(outputs["validation"], problem.gold["validation"])


def decided(job: Job, outputs: Mapping[str, Outputs]) -> Predictions:
    """Decode a system's outputs of the test rows, unless it has decided on its answers itself."""
    found = outputs["test"]
    return found if isinstance(found, Predictions) else tuned(job, outputs).decode(found)


def judge_systems(recipe: Recipe, job: Job, outputs: Mapping[str, Mapping[str, Outputs]]) -> Judged:
    """Decode every system's outputs of the test rows, score them and compare the systems.

    Args:
        recipe: Its evaluation section says how intervals are made.
        job: The codec, the test rows and their gold answers.
        outputs: System to split to outputs.
    """
    predictions = {system: decided(job, by_split) for system, by_split in outputs.items()}
    scores, comparisons = judge(
        job.problem.codec, job.problem.gold["test"], predictions, **resampling(recipe)
    )
    return Judged(predictions, scores, comparisons)


def analyse_fine_tuned(
    recipe: Recipe,
    job: Job,
    outputs: Mapping[str, Outputs],
    judged: Judged,
    *,
    slice_columns: Sequence[str],
) -> list[Panel]:
    """Analyse the errors of the fine-tuned model, for `panels.json`."""
    problem = job.problem
    return analyse(
        tuned(job, outputs),
        problem.gold["test"],
        problem.splits.test,
        judged.predictions[SYSTEM],
        validation_outputs=outputs.get("validation"),
        validation_gold=problem.gold["validation"],
        lengths=problem.items["test"].full_lengths,
        slice_columns=slice_columns,
        **resampling(recipe),
    )


def describe_comparison(recipe: Recipe, job: Job, judged: Judged) -> dict[str, Any]:
    """Return the content of `comparison.json`."""
    return comparison_document(recipe, job.problem.codec.task, judged.comparisons)


def comparison_document(
    recipe: Recipe, task: Task, comparisons: tuple[Comparison, ...]
) -> dict[str, Any]:
    """Return the content of `comparison.json` for comparisons that were made."""
    return {
        "main_metric": task.main_metric,
        "validation_metric": recipe.training.metric_for_best_model or task.validation_metric,
        "system": SYSTEM,
        "confidence": recipe.evaluation.confidence,
        "n_resamples": resamples_drawn(
            recipe.evaluation.n_resamples, task.main_metric, len(comparisons)
        ),
        "comparisons": comparisons,
    }


def prediction_lines(job: Job, predictions: Mapping[str, Predictions]) -> Iterator[dict[str, Any]]:
    """Write every test row with the predictions of all systems, a line of `predictions.jsonl`."""
    codec, rows, gold = job.problem.codec, job.problem.splits.test, job.problem.gold["test"]
    for index in range(len(rows)):
        yield {
            "index": index,
            "where": rows.where(index),
            "columns": {
                name: _cell_json(codec.task, name, values[index])
                for name, values in rows.columns.items()
            },
            "gold": codec.to_json(gold, index, rows),
            "predictions": {
                system: {
                    "answer": codec.to_json(one.answers, index, rows),
                    **codec.extra_json(one, index),
                }
                for system, one in predictions.items()
            },
        }


def _cell_json(task: Task, column: str, cell: JSON) -> JSON:
    """Write a cell of a test row as JSON: an input that is no text as its kind shows it."""
    kinds = {one.role: one.kind for one in task.columns if one.role in task.input_roles}
    kind = find("inputs", kinds.get(column, "text"))
    return cell if kind.is_text else kind().show(cell).data
