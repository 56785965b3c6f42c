"""What the fine-tuned model's answers say of it: that they are all the same, or teach nothing new.

A score can hide that a model gives one answer to every row. Each remark is a sentence with what to
try, for the terminal and the report. The last step of `systems.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from luthier.declarations import JSON
from luthier.evaluation.judge import SYSTEM
from luthier.evaluation.overfitting import overfitting
from luthier.evaluation.systems import Judged
from luthier.job import Job
from luthier.metrics.names import title
from luthier.recipe.tree import Recipe
from luthier.records import Gold, Predictions, Rows
from luthier.registry import find, names
from luthier.results import ALPHA, Comparison

NEARLY_ALL = 0.99  # share of the rows from which an answer is called the same for all
FLOOD = 0.9  # share of all labels, given to a row on average, from which thresholds are named
PROBE = "linear-probe"
LONGEST = 40
OURS = f"{SYSTEM} model"


def remarks(
    recipe: Recipe, job: Job, judged: Judged, events: Sequence[Mapping[str, JSON]]
) -> list[str]:
    """Say what speaks against the fine-tuned model, and whether its training over-fitted.

    Args:
        recipe: The recipe, for what to try next.
        job: The codec, the plan, the test rows and their gold answers.
        judged: Scores, predictions and comparisons.
        events: What the run recorded of its steps.
    """
    said = judged.predictions[SYSTEM]
    over_fits = overfitting(job, events, said, judged.scores[SYSTEM])
    against = remark(recipe, job, said, judged.comparisons, is_long_enough=over_fits is not None)
    found = (against, no_gain(recipe, judged.comparisons), over_fits)
    return [one for one in found if one is not None]


def no_gain(recipe: Recipe, comparisons: Sequence[Comparison]) -> str | None:
    """Say that what a method learns from beside labelled rows brought nothing; None if it did."""
    gains = getattr(find("methods", recipe.method.name), "gains_over", {})
    for one in comparisons:
        if one.baseline in gains and not (one.p_adjusted < ALPHA and one.difference > 0):
            is_loss = one.p_adjusted < ALPHA
            how = "cost accuracy" if is_loss else "brought no gain that shows"
            what = "better" if is_loss else "simpler, and not shown to be worse"
            return (
                f"{gains[one.baseline]} {how} on these {one.n:,} test rows: {one.verdict}. Without "
                f"them the recipe is {what}."
            )
    return None


def remark(
    recipe: Recipe,
    job: Job,
    said: Predictions,
    comparisons: Sequence[Comparison],
    *,
    is_long_enough: bool = False,
) -> str | None:
    """Say what speaks against the fine-tuned model, and what to try; None if nothing does.

    Args:
        recipe: The recipe, for what to try next.
        job: The codec, the test rows and their gold answers.
        said: The model's predictions of the test rows.
        comparisons: The model against each baseline.
        is_long_enough: Whether more training would not help, since it over-fits already.
    """
    found = [*_same_answers(job, said), *_ties(comparisons)]
    if not found:
        return None
    return f"{'. '.join(found)}. Try {_advice(recipe, job, is_long_enough)}."


def _same_answers(job: Job, said: Predictions) -> Iterator[str]:
    """Tell of answers that do not depend on the row."""
    problem = job.problem
    codec, gold, rows = problem.codec, problem.gold["test"], problem.splits.test
    kind = codec.target.kind
    if kind == "language":
        return
    if kind == "number":
        if len(rows) > 1 and np.std(said.answers) < 0.01 * np.std(gold):
            low, high = float(np.min(said.answers)), float(np.max(said.answers))
            yield f"The {OURS} predicts {low:.4g} to {high:.4g} for all {len(rows)} test rows"
        return
    if kind == "multi-label":
        given, true = (float(np.mean(np.sum(one, axis=1))) for one in (said.answers, gold))
        n_labels = codec.target.n_outputs
        if given >= FLOOD * n_labels and true < given / 2:
            yield (
                f"The {OURS} gives {given:.3g} of {n_labels} labels to a test row, which has "
                f"{true:.3g}: its probabilities hardly differ from row to row, so the thresholds "
                "tuned for each label's F1 let all pass"
            )
            return
    answers, true_ones = (_answers(job, one, rows) for one in (said.answers, gold))
    counted = Counter(map(repr, answers)).most_common(1)
    if not counted or len(rows) < 2:
        return
    same, count = answers[[repr(one) for one in answers].index(counted[0][0])], counted[0][1]
    is_true = sum(_agrees(same, one) for one in true_ones)
    if count >= NEARLY_ALL * len(answers) and is_true < FLOOD * count:
        of_what = "words of the test rows" if kind == "tags" else "test rows"
        yield f"The {OURS} answers {_shown(same)} for {count} of {len(answers)} {of_what}"


def _answers(job: Job, answers: Gold, rows: Rows) -> list[JSON]:
    """Write all answers out; tags word by word."""
    codec = job.problem.codec
    found = [codec.to_json(answers, row, rows) for row in range(len(rows))]
    if codec.target.kind == "tags":
        return [tag for tags in found for tag in tags]
    return found


def _agrees(answer: JSON, gold: JSON) -> bool:
    """Return whether an answer is the gold one, or one of several."""
    if answer == gold or (not answer and not gold):
        return True
    return isinstance(gold, list) and not isinstance(answer, list) and answer in gold


def _shown(answer: Any) -> str:
    if not answer:
        return "nothing"
    words = ", ".join(answer) if isinstance(answer, list) else str(answer)
    return f"'{words}'" if len(words) <= LONGEST else f"'{words[:LONGEST]}…'"


def _ties(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Tell of baselines that read nothing and are not beaten."""
    known = names("baselines")
    for one in comparisons:
        reads_nothing = one.baseline in known and getattr(
            find("baselines", one.baseline), "reads_nothing", False
        )
        is_clear = one.p_adjusted < ALPHA
        if reads_nothing and not (is_clear and one.difference > 0):
            how = "is worse than" if is_clear else "is not told apart from"
            yield (f"By {title(one.metric)} the {OURS} {how} {one.baseline}, which reads nothing")


def _advice(recipe: Recipe, job: Job, is_long_enough: bool) -> str:
    """List what may help: more epochs, a method that few rows suffice for, more rows."""
    training, task = recipe.training, job.problem.codec.task
    epochs = max(1, round(3 * training.num_train_epochs))
    tries = [f"more epochs (training.num_train_epochs={epochs})"]
    if training.max_steps > 0:
        tries = [f"more steps (training.max_steps={3 * training.max_steps})"]
    if is_long_enough:
        tries = []
    probe = find("methods", PROBE)
    if recipe.method.name != PROBE and task.unit in probe.units and task.kind in probe.kinds:
        tries.append(f"method={PROBE}, which few rows suffice for")
    n_rows = len(job.problem.splits.train)
    tries.append(f"more training rows than these {n_rows:,}")
    return ", or ".join(tries)
