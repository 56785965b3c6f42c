"""Compare finished runs that were judged on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from luthier.arguments import Count, Paths, Share, checked
from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.evaluation.judge import SYSTEM, judge
from luthier.records import Rows, Target
from luthier.registry import find
from luthier.results import Comparison, Score, as_html
from luthier.runs import RunFolder


@dataclass(frozen=True)
class Comparisons:
    """The first run's model against that of each other run.

    Args:
        metric: The metric that they are compared by.
        scores: Run to metric to score.
        comparisons: The first run against each of the others.
    """

    metric: str
    scores: Mapping[str, Mapping[str, Score]]
    comparisons: tuple[Comparison, ...]

    def _repr_html_(self) -> str:
        """Draw the scores and the verdicts in a notebook."""
        return as_html(self.scores, [one.verdict for one in self.comparisons])


@checked
def compare(
    folders: Paths,
    *,
    metric: str | None = None,
    n_resamples: Count = 1000,
    confidence: Share = 0.95,
    seed: int = 0,
) -> Comparisons:
    """Compare the fine-tuned models of finished runs.

    Args:
        folders: Two runs or more; the first is compared with each of the others.
        metric: The metric to compare by; None takes the task's main metric.
        n_resamples: Number of bootstrap resamples.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Raises:
        RunError: A run is missing, unfinished, or was judged on other rows.
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
    codec = task.codec(read[0].target)
    rows = read[0].rows()
    predictions = {
        name: codec.from_json([line["predictions"][SYSTEM] for line in one.lines], rows)
        for name, one in zip(names, read, strict=True)
    }
    scores, comparisons = judge(
        codec,
        codec.gold(rows),
        predictions,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
        metric=metric,
        system=names[0],
    )
    return Comparisons(metric or codec.task.main_metric, scores, comparisons)


def names_of(runs: Sequence[RunFolder]) -> list[str]:
    """Name runs by their folders, or by their paths if folder names repeat."""
    short = [run.path.resolve().name for run in runs]
    if len(set(short)) == len(short):
        return short
    return [f"{number}: {run.path}" for number, run in enumerate(runs, start=1)]


@dataclass(frozen=True)
class Judged:
    """The predictions that a run's folder has for its test rows."""

    path: Path
    target: Target
    lines: list[dict[str, JSON]]

    @staticmethod
    def read(run: RunFolder) -> Judged:
        """Read a run's predictions."""
        return Judged(run.path, run.target(), list(run.read_predictions()))

    def rows(self) -> Rows:
        """Rebuild the test rows."""
        names = self.lines[0]["columns"] if self.lines else {}
        return Rows.of({name: [line["columns"][name] for line in self.lines] for name in names})


def refuse_other_rows(first: Judged, other: Judged) -> None:
    """Refuse two runs that were not judged on the same rows with the same labels."""
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
            hint="give both recipes the same data.test file, or the same data.split with one "
            "data.split.seed (training.seed moves no rows)",
        )
