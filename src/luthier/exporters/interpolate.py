"""Between two models: weights on the line from one to the other, and what they can do there.

    θ(α) = (1 - α) θ_other + α θ_run

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", section 3,
https://arxiv.org/abs/2109.01903. Both ends need heads that mean something: a base model without a
head for the task has none to start from, and is refused. Which α is taken follows from validation
rows; test rows judge it. The curve is drawn by `report/interpolation.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from luthier.arguments import checked
from luthier.codec import Codec
from luthier.distributed.group import group
from luthier.domains.forgetting import starting_model
from luthier.errors import DataError, ModelError, RecipeError, RunError
from luthier.evaluation.judge import judge, resampling
from luthier.exporters.merged import refuse_unmerged
from luthier.exporters.place import aside, refuse_taken
from luthier.exporters.soup import put, taste
from luthier.metrics.names import lower_is_better
from luthier.models.load import save_model
from luthier.prediction.predictor import Predictor, load
from luthier.records import Predictions, Rows, StepInfo
from luthier.report.interpolation import write_interpolation
from luthier.report.model_card import write_model_card
from luthier.results import Comparison, Score
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.runs.portable import write_portable
from luthier.seeding import stream
from luthier.sources.further import read_other
from luthier.training.listeners import Listener

BASE = "base"
CHOSEN, RUN, OTHER = "interpolated", "the run", "the other"
FEWEST = 20  # rows of the other file, half of which choose and half of which judge
OWN = "own rows"


@dataclass(frozen=True)
class Point:
    """A model on the line.

    Args:
        alpha: Its place: 0 is the other model, 1 the run's.
        validation: Whose rows to its score on those that choose.
    """

    alpha: float
    validation: Mapping[str, float]


@dataclass(frozen=True)
class Interpolation:
    """The line between two models, and the place that was chosen on it.

    Args:
        run: The run's folder, at α = 1.
        other: The other model, at α = 0.
        metric: The metric of the rows that choose.
        points: The models on the line that were tried.
        alpha: The one that was chosen.
        n_choosing: Whose rows to the number of rows that chose.
        scores: Whose rows to system to metric to score on the rows that judge.
        comparisons: Whose rows to the chosen model against both ends.
        folder: Where the chosen model was written; None if that was not asked for.
        page: Where the curve was drawn; None likewise.
    """

    run: str
    other: str
    metric: str
    points: tuple[Point, ...]
    alpha: float
    n_choosing: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Mapping[str, Score]]]
    comparisons: Mapping[str, tuple[Comparison, ...]]
    folder: str | None = None
    page: str | None = None


@dataclass
class Line:
    """Two models, and one that takes any place between them.

    Args:
        predictor: The run's model, whose weights are moved.
        ends: The weights of the other model and of the run's.
        listeners: They are told of progress.
    """

    predictor: Predictor
    ends: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
    listeners: Sequence[Listener] = ()
    done: int = field(default=0)

    def move(self, alpha: float) -> None:
        """Move the model to a place."""
        put(self.predictor, self.ends, (1 - alpha, alpha))

    def tell(self, phase: str, n_steps: int) -> None:
        """Tell of a step."""
        self.done += 1
        for listener in self.listeners:
            listener(StepInfo(phase, self.done, n_steps))


@checked
def interpolate(
    run: str | Path,
    other: str | Path = BASE,
    *,
    on: str | Path | None = None,
    points: int = 11,
    out: str | Path | None = None,
    page: str | Path | None = None,
    data: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
) -> Interpolation:
    """Try the models on the line between a run's and another, and judge the best of them.

    Args:
        run: A finished run with validation rows.
        other: A run of the same shape, or "base": the model that the run began with, where its
            head answers with the task's labels.
        on: Labelled rows of what the other model can do; half of them choose, half judge.
        points: How many models, both ends among them.
        out: A folder for the chosen model, which does not exist or is empty; None: not written.
        page: An HTML file for the curve; None: not drawn.
        data: Split to rows in memory, where the run was given such.
        listeners: Functions called with every `StepInfo`.

    Returns:
        The curve, the place that validation rows chose, and the paired scores of both ends there.

    Raises:
        RunError: The run did not finish, or has no validation rows.
        ModelError: The two models differ in shape, tokenizer or labels, or the base has no head.
        DataError: The rows cannot be read, or are too few.

    Example:
        found = luthier.interpolate("runs/news", on="tweets-test.csv", out="runs/both")
        print(found.alpha, found.comparisons)
    """
    if not 3 <= points <= 101:
        raise RecipeError(
            "A line is tried at 3 to 101 points.", received=f"{points}", hint="--points 11"
        )
    if out is not None:
        refuse_taken(Path(out))
    opened = RunFolder.open(run).require_finished()
    predictor = load(opened.path)
    refuse_unmerged(predictor, run)
    line = Line(predictor, (weights_of(other, predictor), _copied(predictor)), listeners)
    choosing, judging = rows_for(opened, predictor, on, data)
    tried = [point_at(line, float(a), choosing, points) for a in np.linspace(0, 1, points)]
    metric = predictor.task.validation_metric
    alpha = chosen_of(tried, metric)
    scores, comparisons = judged(line, alpha, judging, choosing[OWN], points)
    line.move(alpha)
    if out is not None:
        with aside(Path(out)) as written:
            save_model(predictor.model, predictor.codec.processor, written)
            write_portable(written, predictor.recipe, replace(predictor.target, rejection=None))
            write_model_card(opened.path, into=written)
    found = Interpolation(
        str(run),
        str(other),
        metric,
        tuple(tried),
        alpha,
        {name: len(rows) for name, rows in choosing.items()},
        scores,
        comparisons,
        None if out is None else str(out),
        None if page is None else str(page),
    )
    if page is not None and group().is_first:
        write_interpolation(Path(page), found)
    return found


def _copied(predictor: Predictor) -> dict[str, Tensor]:
    return {name: one.clone() for name, one in predictor.model.state_dict().items()}


def weights_of(other: str | Path, predictor: Predictor) -> dict[str, Tensor]:
    """Read the weights of the other model.

    Raises:
        ModelError: It does not lie on a line with the run's.
    """
    if str(other) == BASE:
        start = starting_model(predictor.recipe, predictor.codec)
        if start is None:
            raise ModelError(
                "The model that this run began with has no head for its task, so there is no line "
                "from it: a head that was never trained says nothing.",
                received=f"{predictor.recipe.model.name} without a head for "
                f"{', '.join(predictor.target.names[:5]) or predictor.task.name}",
                hint="--with RUN, another run of the same model, say one with method=linear-probe",
            )
        model, codec = start
    else:
        second = load(RunFolder.open(other).require_finished().path)
        refuse_unmerged(second, other)
        model, codec = second.model, second.codec
    weights: dict[str, Tensor] = model.state_dict()
    refuse_unlike(predictor, weights, codec, str(other))
    return weights


def refuse_unlike(
    predictor: Predictor, weights: Mapping[str, Tensor], codec: Codec, other: str
) -> None:
    """Refuse a model of another shape, tokenizer or order of labels.

    Raises:
        ModelError: It is of such.
    """
    own = predictor.model.state_dict()
    differing = sorted(own.keys() ^ weights.keys())
    differing += [
        f"{name} {tuple(one.shape)} and {tuple(weights[name].shape)}"
        for name, one in own.items()
        if name in weights and one.shape != weights[name].shape
    ]
    reasons = []
    if differing:
        reasons.append(f"weights: {', '.join(differing[:3])}")
    if vocabulary(predictor.codec.processor) != vocabulary(codec.processor):
        reasons.append("their tokenizers")
    if codec.task.name != predictor.task.name:
        reasons.append(f"tasks: {predictor.task.name} and {codec.task.name}")
    if codec.target.names != predictor.target.names:
        ours, theirs = (", ".join(one.names[:5]) for one in (predictor.target, codec.target))
        reasons.append(f"labels: {ours} and {theirs}")
    if reasons:
        raise ModelError(
            "Between models of different shapes, tokenizers or labels there is no line.",
            received=f"the run and {other} differ in {'; '.join(reasons)}",
            hint="two runs of one model on the same labels",
        )


def vocabulary(processor: Any) -> Any:
    """Return the words of a tokenizer; None of other processors."""
    return processor.get_vocab() if hasattr(processor, "get_vocab") else None


def rows_for(
    opened: RunFolder,
    predictor: Predictor,
    on: str | Path | None,
    data: Mapping[str, Any] | None,
) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Read the rows that choose and those that judge, whose rows to rows.

    Raises:
        RunError: The run has no validation rows.
        DataError: There are too few rows of the other file.
    """
    splits = rows_of_run(opened, predictor.recipe, predictor.task, data)
    if len(splits.validation) == 0:
        raise RunError(
            "The place on the line is chosen on validation rows, and this run has none.",
            received=str(opened.path),
            hint="a run with data.split.validation=0.1",
        )
    choosing, judging = {OWN: splits.validation}, {OWN: splits.test}
    if on is not None:
        name = Path(on).name
        rows, _ = read_other(name, str(on), predictor.recipe, predictor.task, splits)
        if len(rows) < FEWEST:
            raise DataError(
                f"Half of these rows choose and half judge: they are {FEWEST} at least.",
                received=f"{len(rows)} rows of {on} that the run did not learn from",
                hint="--on a larger file",
            )
        order = stream(predictor.recipe.training.seed, "interpolation").permutation(len(rows))
        half = len(rows) // 2
        choosing[name] = rows.take(np.sort(order[:half]))
        judging[name] = rows.take(np.sort(order[half:]))
    return choosing, judging


def point_at(line: Line, alpha: float, choosing: Mapping[str, Rows], n_points: int) -> Point:
    """Score the model at a place on the rows that choose."""
    line.move(alpha)
    found = {name: taste(line.predictor, rows) for name, rows in choosing.items()}
    line.tell("between two models", n_points)
    return Point(alpha, found)


def chosen_of(points: Sequence[Point], metric: str) -> float:
    """Choose the place with the best mean score; of equals, the one nearest to the run.

    Metrics of which less is better have no upper end: their logarithms are averaged.
    """

    def worth(point: Point) -> float:
        values = list(point.validation.values())
        if lower_is_better(metric):
            values = [-log(max(one, 1e-12)) for one in values]
        return float(np.mean(values))

    return max(points, key=lambda point: (round(worth(point), 9), point.alpha)).alpha


def judged(
    line: Line, alpha: float, judging: Mapping[str, Rows], validation: Rows, n_points: int
) -> tuple[dict[str, Any], dict[str, tuple[Comparison, ...]]]:
    """Score the chosen model and both ends on the rows that judge, each tuned on validation."""
    predictor = line.predictor
    places = {CHOSEN: alpha, RUN: 1.0, OTHER: 0.0}
    said: dict[str, dict[str, Predictions]] = {name: {} for name in judging}
    gold = predictor.codec.gold(validation)
    plain = predictor.codec
    for system, place in reversed(places.items()):
        line.move(place)
        predictor.codec = plain
        if predictor.task.needs_validation_outputs:
            predictor.codec = plain.tuned(predictor.outputs(validation), gold)
        for name, rows in judging.items():
            said[name][system] = predictor.predict(rows)
    scores, comparisons = {}, {}
    for name, rows in judging.items():
        systems = {system: said[name][system] for system in places}
        scores[name], comparisons[name] = judge(
            plain, plain.gold(rows), systems, system=CHOSEN, **resampling(predictor.recipe)
        )
    return scores, comparisons
