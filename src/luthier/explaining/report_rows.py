"""Explains a few test rows for a run's report: mistakes, answers that were unsure, and right ones.

Which rows these are follows from the answers alone, so that the same run explains the same rows.
They cost a small share of what the training did: see `SHARE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.declarations import Panel
from luthier.distributed.group import alone
from luthier.errors import LuthierError, ModelError
from luthier.evaluation.judge import SYSTEM
from luthier.evaluation.systems import Judged
from luthier.explaining.explain import (
    DEFAULT,
    PREDICTED,
    Answered,
    Explanations,
    answer_rows,
    make_explainer,
    other_inputs,
    refuse_no_gradients,
)
from luthier.explanation import Decision, Explainer
from luthier.job import Job
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Gold, Predictions, Rows, StepInfo, Target
from luthier.registry import find
from luthier.report.formatting import plural
from luthier.report.panels import MISSHAPEN
from luthier.results import Mistake
from luthier.runs import RunFolder
from luthier.task_types.bind import codec_of

SHARE = 0.04  # of the training's work that explaining may take
TRAINING, GRADIENT = 3, 2  # work of a pass, in passes that only answer
LEAST_POINTS, MOST_POINTS = 17, 32  # gradients that a decision takes at least; intervals at most
MOST_BYTES = 4 << 30  # of a model that is loaded once more
WITHOUT_GRADIENTS = "occlusion"
LISTED = ("text", "language")  # kinds of target whose rows are taken as they stand
WRONG, UNSURE, RIGHT = "sure and wrong", "unsure", "sure and right"


def explain_test_rows(
    recipe: Recipe, job: Job, folder: RunFolder, judged: Judged, target: Target
) -> Generator[StepInfo, None, list[Panel]]:
    """Explain some test rows with the model that a run has just saved.

    Args:
        recipe: Its `evaluation.explained_rows` says how many.
        job: The test rows, their gold answers, and the training that was done.
        folder: The run, with its model.
        judged: The model's answers on the test rows.
        target: The target that decodes the outputs of the saved model.

    Returns:
        The panel; none where no row was explained: where none is asked for, the task's answers
        cannot be explained, the training was too small or the model too large to be loaded once
        more.
    """
    asked, problem = recipe.evaluation.explained_rows, job.problem
    is_large = sum(file.stat().st_size for file in folder.model.rglob("*")) > MOST_BYTES
    has_rows = asked > 0 and len(problem.splits.test) > 0
    if not has_rows or is_large or other_inputs(problem.codec):
        return []
    said = judged.predictions[SYSTEM]
    chosen = choose(problem.codec, problem.gold["test"], said, problem.splits.test, asked)
    method = make_plugin("methods", recipe.method)
    model, processor = method.load(folder.model)
    codec = codec_of(recipe, problem.codec.task, target, processor, model.config)
    rows = problem.splits.test.take([one.row for one in chosen])
    bare, batch_size = without_answers(rows, codec), recipe.training.per_device_eval_batch_size
    with alone():  # of several processes, the owner explains
        answered = answer_rows(model, codec, bare, batch_size=batch_size, gold=codec.gold(rows))
    budget = SHARE * work_of_training(recipe, job, by_gradient=getattr(method, "by_gradient", True))
    explainer = explainer_for(answered)
    found = []
    for explained in _within(answered, chosen, explainer, budget):
        found.append(explained)
        yield StepInfo("explaining test rows", len(found), len(chosen), rows=1)
    made = [
        {"why": one.why, "explained": explained.to_json()}
        for explained, one in zip(found, chosen, strict=True)
        if explained
    ]
    if not made:
        return []
    return [Panel("explanations", "", {"said": say(made, asked, len(chosen)), "rows": made})]


def say(made: Sequence[Any], asked: int, n_chosen: int) -> str:
    """Say which rows these are, and why there are no more."""
    counts = Counter(one["why"] for one in made)
    sorts = ", ".join(f"{n} {why}" for why, n in counts.items() if why)
    said = f"{plural(len(made), 'test row')}{f': {sorts}' if sorts else ''}."
    if len(made) < n_chosen:
        said += (
            f" {asked} were asked for (evaluation.explained_rows); more would have taken over "
            f"{100 * SHARE:.0f} % of the training's work, or had no word to explain."
        )
    return said


def work_of_training(recipe: Recipe, job: Job, *, by_gradient: bool) -> float:
    """Estimate a training's work, in tokens that are read once without learning from them."""
    items, settings = job.problem.items["train"], recipe.training
    if not by_gradient:
        return float(items.cost.sum())
    epochs = settings.num_train_epochs
    if settings.max_steps > 0:
        batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        epochs = settings.max_steps * batch / len(items)
    return TRAINING * epochs * float(items.cost.sum())


def explainer_for(answered: Answered) -> Explainer:
    """Choose integrated gradients, whose cost is bounded, or occlusion without gradients."""
    try:
        refuse_no_gradients(answered.model, DEFAULT)
    except ModelError:
        return make_explainer(WITHOUT_GRADIENTS)
    made = find("explainers", DEFAULT)
    explainer: Explainer = made(made.Options(most_points=MOST_POINTS))
    return explainer


def _within(
    answered: Answered, chosen: Sequence[Picked], explainer: Explainer, budget: float
) -> Iterator[Explanations]:
    """Explain rows one by one, while there is work left to do; the others have nothing."""
    is_own = type(answered.codec).__module__.startswith("luthier.")
    passed_over = (LuthierError,) if is_own else (LuthierError, *MISSHAPEN)
    for index, one in enumerate(chosen):
        explained = Explanations()
        try:
            decisions = answered.decisions(index, PREDICTED, one.mistake)
            if sum(_least(one, answered, explainer) for one in decisions) <= budget:
                explained = Explanations(answered.explain(one, explainer) for one in decisions)
        except passed_over:  # it has no word, say: a finished training is worth more
            explained = Explanations()
        for made in explained:
            work = GRADIENT if explainer.needs_gradients else 1
            tokens = float(answered.items.cost[made.decision.item])
            budget -= made.attribution.n_passes * tokens * work
        yield explained


def _least(decision: Decision, answered: Answered, explainer: Explainer) -> float:
    """Return the least work that explaining a decision takes."""
    tokens = float(answered.items.cost[decision.item])
    if explainer.needs_gradients:
        return LEAST_POINTS * GRADIENT * tokens
    return tokens * tokens  # a pass without each word; most are one token


@dataclass(frozen=True)
class Picked:
    """A row that is explained.

    Args:
        row: Its number.
        why: Its sort.
        mistake: What was wrong with its answer, which alone is explained; None: all of it.
    """

    row: int
    why: str
    mistake: Mistake | None = None


def choose(
    codec: Codec, gold: Gold, predictions: Predictions, rows: Rows, most: int
) -> list[Picked]:
    """Choose rows, of each sort in turn: wrong, unsure and right; each with its sort.

    Args:
        codec: The codec.
        gold: The gold answers.
        predictions: The answers.
        rows: The rows.
        most: How many rows at most.
    """
    kind = codec.target.kind
    found = None if kind in LISTED else codec.mistakes(gold, predictions, rows)
    if found is None:
        return [Picked(row, "") for row in _spread(np.arange(len(rows)))[:most]]
    mistakes: dict[int, Mistake] = {}
    for one in found:
        mistakes.setdefault(one.row, one)
    if kind in ("single-label", "multi-label"):
        order = np.argsort(_margins(kind, predictions), kind="stable").tolist()
        right = [row for row in reversed(order) if row not in mistakes]
        sorts = {WRONG: [*mistakes], UNSURE: order, RIGHT: right}
    elif kind == "number":
        sorts = {"far off": [*mistakes], "close": [*reversed(mistakes)]}
    else:
        right = [row for row in range(len(rows)) if row not in mistakes]
        sorts = {WRONG: [*mistakes], "right": _spread(np.array(right, dtype=np.int64))}
    return [
        Picked(row, why, mistakes.get(row) if why == WRONG else None)
        for row, why in _in_turn(sorts, most)
    ]


def _margins(kind: str, predictions: Predictions) -> Array:
    """Return how sure the model was of each row's labels, (rows,): 0 is a tie."""
    p = np.asarray(predictions.probabilities, dtype=float)
    if kind == "multi-label":
        return np.asarray(np.abs(p - 0.5).min(axis=1))
    two = np.sort(p, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _spread(rows: Array) -> list[int]:
    """Order rows so that the first few of them stand far apart in the file.

    >>> _spread(np.arange(8))
    [0, 4, 2, 6, 1, 3, 5, 7]
    """
    ordered: dict[int, None] = {}
    step = len(rows)
    while step >= 1:
        ordered |= dict.fromkeys(rows[::step].tolist())
        step //= 2
    return [*ordered]


def _in_turn(sorts: dict[str, list[int]], most: int) -> list[tuple[int, str]]:
    """Take a row of each sort in turn, none twice."""
    turns = zip_longest(*([(row, why) for row in rows] for why, rows in sorts.items()))
    chosen: dict[int, str] = {}
    for row, why in (one for one in chain.from_iterable(turns) if one is not None):
        if len(chosen) < most:
            chosen.setdefault(row, why)
    return list(chosen.items())


def without_answers(rows: Rows, codec: Codec) -> Rows:
    """Drop the gold answers, so that nothing can read them."""
    kept = {
        name: cells for name, cells in rows.columns.items() if name not in codec.task.answer_columns
    }
    return Rows(kept, rows.files, rows.file_of, rows.lines)
