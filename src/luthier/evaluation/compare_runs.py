"""Finished runs side by side, judged on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import RunError
from luthier.evaluation.judge import judge
from luthier.records import Array, Comparison, Predictions, Score, Target
from luthier.registry import find
from luthier.runs import RunFolder

SYSTEM = "fine-tuned"


@dataclass(frozen=True)
class Comparisons:
    """The first run's model against each other run's.

    Args:
        metric: What they are compared by.
        scores: Run to metric to score.
        comparisons: One for every run but the first.
    """

    metric: str
    scores: Mapping[str, Mapping[str, Score]]
    comparisons: tuple[Comparison, ...]


def compare(
    folders: Sequence[str | Path],
    *,
    metric: str | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparisons:
    """Compare the fine-tuned models of finished runs.

    Args:
        folders: Two runs or more; the first is compared with each of the others.
        metric: What to compare by; None: the task's main metric.
        n_resamples: Bootstrap resamples.
        confidence: Level of the intervals.
        seed: Of the resamples.

    Raises:
        RunError: A run is missing or did not finish, or was judged on other rows.
    """
    if len(folders) < 2:
        raise RunError(
            "A comparison needs at least two runs.",
            received=", ".join(map(str, folders)) or "none",
            hint="luthier compare RUN RUN",
        )
    runs = [RunFolder.open(folder).require_finished() for folder in folders]
    recipe = runs[0].recipe()
    plugin = find("tasks", recipe.task.name)
    task = plugin(plugin.Options(**recipe.task.options))
    read = [Judged.read(run) for run in runs]
    for other in read[1:]:
        refuse_other_rows(read[0], other)
    names = names_of(runs)
    target = read[0].target
    gold = read[0].array([line["gold"] for line in read[0].lines])
    scores, comparisons = judge(
        task,
        target,
        gold,
        {name: one.predictions() for name, one in zip(names, read, strict=True)},
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
        metric=metric,
        system=names[0],
    )
    return Comparisons(metric or task.main_metric, scores, comparisons)


def names_of(runs: Sequence[RunFolder]) -> list[str]:
    """Name runs by their folders, whole paths where folder names repeat."""
    short = [run.path.resolve().name for run in runs]
    if len(set(short)) == len(short):
        return short
    return [f"{number}: {run.path}" for number, run in enumerate(runs, start=1)]


@dataclass(frozen=True)
class Judged:
    """What a run's model said of every test row, as its folder has it."""

    path: Path
    target: Target
    lines: list[dict[str, Any]]

    @staticmethod
    def read(run: RunFolder) -> Judged:
        """Read a run's predictions."""
        return Judged(run.path, run.target(), list(run.read_predictions()))

    def array(self, answers: Sequence[Any]) -> Array:
        """Turn spelt answers back into ids, indicators or numbers."""
        if self.target.kind == "number":
            return np.array(answers, dtype=float)
        ids = {name: index for index, name in enumerate(self.target.names)}
        if self.target.kind == "single-label":
            return np.array([ids[answer] for answer in answers], dtype=np.int64)
        rows = np.zeros((len(answers), len(ids)))
        for row, names in enumerate(answers):
            rows[row, [ids[name] for name in names]] = 1
        return rows

    def predictions(self) -> Predictions:
        """Read what the fine-tuned model said."""
        said = [line["predictions"][SYSTEM] for line in self.lines]
        answers = self.array([one["answer"] for one in said])
        if said[0]["probabilities"] is None:
            return Predictions(answers, None, answers[:, None])
        probabilities = np.array([one["probabilities"] for one in said], dtype=float)
        return Predictions(answers, probabilities, np.log(np.maximum(probabilities, 1e-12)))


def refuse_other_rows(first: Judged, other: Judged) -> None:
    """Raise where two runs were not judged on the same rows with the same labels."""
    problem = None
    if first.target.kind != other.target.kind or first.target.names != other.target.names:
        problem = "they do not predict the same labels"
    elif len(first.lines) != len(other.lines):
        problem = f"{len(first.lines)} test rows against {len(other.lines)}"
    else:
        for a, b in zip(first.lines, other.lines, strict=True):
            if a["columns"] != b["columns"] or a["gold"] != b["gold"]:
                problem = f"test row {a['index']} is {a['where']} in one, {b['where']} in the other"
                break
    if problem:
        raise RunError(
            "These runs were not judged on the same test rows.",
            received=f"{first.path} and {other.path}: {problem}",
            hint="give both recipes the same data.test file, or the same split and seed",
        )
