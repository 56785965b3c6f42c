"""Pool the predictions of the folds of a cross-validation: every row once, as if of one test set.

Each fold has a target of its own, learned from its own training rows. Labels that only some of them
have seen are joined to one list, and what a model did not know has probability 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from luthier.codec import Codec
from luthier.declarations import JSON
from luthier.evaluation.judge import judge, resampling
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Target
from luthier.results import Comparison, Score
from luthier.runs import RunFolder

Line = dict[str, JSON]


def pool(folds: Sequence[RunFolder]) -> tuple[Target, list[Line]]:
    """Join the targets and the test rows of finished folds, in their order.

    Returns:
        The joined target, and the lines of a `predictions.jsonl` of all rows.
    """
    targets = [fold.target() for fold in folds]
    names = tuple(dict.fromkeys(name for target in targets for name in target.names))
    lines: list[Line] = []
    for number, (fold, own) in enumerate(zip(folds, targets, strict=True)):
        for line in fold.read_predictions():
            said = {
                system: reordered(answer, own.names, names)
                for system, answer in line["predictions"].items()
            }
            lines.append({**line, "index": len(lines), "fold": number, "predictions": said})
    return replace(targets[0], names=names), lines


def reordered(answer: Line, own: Sequence[str], names: Sequence[str]) -> Line:
    """Put the probabilities of a model's labels in the order of other names; 0 for unknown ones."""
    probabilities = answer.get("probabilities")
    is_by_label = isinstance(probabilities, list) and len(probabilities) == len(own)
    if not is_by_label or tuple(own) == tuple(names):
        return answer
    known = dict(zip(own, probabilities or (), strict=True))
    return {**answer, "probabilities": [known.get(name, 0.0) for name in names]}


def judge_pooled(
    recipe: Recipe, task: Task, target: Target, lines: Sequence[Line]
) -> tuple[dict[str, dict[str, Score]], tuple[Comparison, ...]]:
    """Judge all systems on the pooled rows; see `judge`."""
    codec: Codec = task.codec(target)
    rows = Rows.of({name: [line["columns"][name] for line in lines] for name in _columns(lines)})
    predictions = {
        system: codec.from_json([line["predictions"][system] for line in lines], rows)
        for system in lines[0]["predictions"]
    }
    return judge(codec, codec.gold(rows), predictions, **resampling(recipe))


def _columns(lines: Sequence[Line]) -> list[str]:
    """List the columns that every row has."""
    return [name for name in lines[0]["columns"] if all(name in line["columns"] for line in lines)]


def spread(folds: Sequence[RunFolder], metric: str) -> list[dict[str, Any]]:
    """Give every fold's test rows and the score of each of its systems, as rows of a table."""
    table = []
    for number, fold in enumerate(folds):
        scores: Mapping[str, Mapping[str, Line]] = fold.read_json("scores")
        n_rows = next(iter(scores.values()))[metric]["n"]
        values = {system: one[metric]["value"] for system, one in scores.items()}
        table.append({"fold": number, "test rows": n_rows, **values})
    return table
