"""Checks whether explanations are true: are the words they name those that the model goes by?

Asked of every explainer beside words drawn at random, since even those lose a model some of its
probability: what happens without the best words, or with these alone (`erasure.py`); whether the
values add up; and whether they change when the model's weights do (`redrawn.py`).
Next: `check_verdict.py`, which says it in words.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from luthier.errors import DataError
from luthier.explaining.check_verdict import sentences
from luthier.explaining.checked import Check, Checked, Erased
from luthier.explaining.erasure import (
    LEAST_WORDS,
    MEASURES,
    SHARES,
    best_first,
    erased,
    side,
)
from luthier.explaining.explain import (
    DEFAULT,
    Answered,
    NothingReadError,
    make_explainer,
    refuse_no_gradients,
)
from luthier.explaining.redrawn import EVERYTHING, HEAD, redrawn, weights_of
from luthier.explaining.resampled import Resampled, by_row
from luthier.explaining.variants import replacement_of
from luthier.explanation import Decision, Explainer
from luthier.metrics.significance import holm, resamples_needed
from luthier.ragged import Array
from luthier.records import StepInfo
from luthier.seeding import stream

N_ROWS = 100
N_REDRAWN = 50
N_RESAMPLES = 10_000
OPERATORS = ("replaced", "deleted")
ORDERS = 3  # random orders of a row's words, whose mean the explainers are compared with
PER_DRAW = 5  # decisions that are explained with the same new weights
MOST_DECISIONS = 3  # of a row, so that long texts do not take all the time
LEAST_RANKED = 5  # words below which two rankings are hardly comparable
DELETED_FROM = "logits"  # the kind of inference whose outputs are those of a whole text

Steps = Generator[StepInfo, None, Check]


@dataclass(frozen=True)
class _Case:
    """One decision that the check is made on, with what was found for it.

    Args:
        row: Its row.
        decision: The decision.
        values: Values of each explainer's words, (explainers, words).
        lost: What the decision loses by taking out words, (operators, systems, measures, shares);
            the last system is random words.
        errors: By how much the values miss the decision, (explainers,); nan: they need not add up.
        chance: How alike the values are to random ones, (explainers,).
    """

    row: int
    decision: Decision
    values: Array
    lost: Array
    errors: Array
    chance: Array


def check_explanations(
    answered: Answered,
    *,
    by: Sequence[str] = (DEFAULT,),
    n_redrawn: int = N_REDRAWN,
    n_resamples: int = N_RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Steps:
    """Check explainers on rows, yielding every row.

    Args:
        answered: The rows.
        by: Names of the explainers.
        n_redrawn: Number of decisions that are explained again with new weights, which takes as
            long as all else.
        n_resamples: Number of bootstrap resamples; more are drawn where the tests need them.
        confidence: Level of the intervals.
        seed: Seed of random words, weights and resamples.

    Raises:
        RecipeError: There is no such explainer.
        ModelError: An explainer needs gradients, and the model has none.
        DataError: No row has a decision, or two words.
    """
    begun = time.monotonic()
    explainers = [make_explainer(name) for name in dict.fromkeys(by)]
    for one in explainers:
        if one.needs_gradients:
            refuse_no_gradients(answered.model, one.name)
    chosen = decisions_of(answered, seed=seed)
    n_again = min(n_redrawn, len(chosen))
    parts = [part for part in (HEAD, EVERYTHING) if n_again and weights_of(answered.model, part)]
    n_steps = len(chosen) + n_again * len(parts)
    cases = []
    for step, (row, decision) in enumerate(chosen, start=1):
        cases.append(_measure(answered, row, decision, explainers, seed=seed))
        yield StepInfo("checking explanations", step, n_steps, rows=1)
    alike = {}
    for number, part in enumerate(parts):
        found = np.full((len(cases), len(explainers)), np.nan)
        for draw, first in enumerate(range(0, n_again, PER_DRAW)):
            past = min(first + PER_DRAW, n_again)
            found[first:past] = _similarities(
                answered, cases[first:past], explainers, part, draw, seed
            )
            step = len(chosen) + number * n_again + past
            yield StepInfo("checking explanations", step, n_steps, rows=past - first)
        alike[part] = found
    rows = np.array([case.row for case in cases])
    resampled = Resampled.of(
        len(np.unique(rows)),
        n_resamples=resamples_needed(n_resamples, 4 * len(explainers)),
        confidence=confidence,
        seed=seed,
    )
    return _summary(answered, cases, explainers, alike, resampled, time.monotonic() - begun)


def decisions_of(answered: Answered, *, seed: int) -> list[tuple[int, Decision]]:
    """List the decisions that can be checked, at most three of a row, drawn at random.

    Raises:
        DataError: There is none.
    """
    found = []
    for row in range(len(answered.rows)):
        made = [one for one in answered.decisions(row) if _n_words(answered, one) >= LEAST_WORDS]
        if len(made) > MOST_DECISIONS:
            drawn = stream(seed, "decisions", row).choice(len(made), MOST_DECISIONS, replace=False)
            made = [made[index] for index in sorted(drawn)]
        found += [(row, one) for one in made]
    if not found:
        raise DataError(
            "There is no decision to check explanations on.",
            received=f"{len(answered.rows):,} rows, of task {answered.codec.task.name}",
            hint="rows of several words with an answer, of a task that `luthier explain` explains",
        )
    return found


def _n_words(answered: Answered, decision: Decision) -> int:
    try:
        return len(answered.passage(decision).words)
    except NothingReadError:
        return 0


def _measure(
    answered: Answered, row: int, decision: Decision, explainers: list[Explainer], *, seed: int
) -> _Case:
    """Explain one decision by all explainers, and take out words."""
    reader = answered.reader(decision)
    found = [one.explain(reader) for one in explainers]
    values = np.stack([one.values for one in found])
    towards = side(decision, found[0].score)
    random = stream(seed, "random words", row, decision.name)
    noise = random.standard_normal((ORDERS, reader.n_words))
    orders = best_first(np.concatenate([towards * values, noise]))
    operators = OPERATORS[: 2 if decision.kind == DELETED_FROM else 1]
    lost = np.full((len(OPERATORS), len(explainers) + 1, len(MEASURES), len(SHARES)), np.nan)
    for number, operator in enumerate(operators):
        measured = erased(reader, decision, orders, delete=operator == "deleted")
        lost[number, :-1] = measured[: len(explainers)]
        lost[number, -1] = measured[len(explainers) :].mean(axis=0)
    errors = np.array([np.nan if one.error is None else one.error for one in found])
    chance = np.array([[similarity(one, other) for other in noise] for one in values])
    return _Case(row, decision, values, lost, errors, chance.mean(axis=1))


def _similarities(
    answered: Answered,
    cases: list[_Case],
    explainers: list[Explainer],
    part: str,
    draw: int,
    seed: int,
) -> list[Array]:
    """Explain decisions again with weights drawn anew: how alike the values are, (explainers,)."""
    found = []
    with redrawn(answered.model, part, seed=seed, draw=draw):
        for case in cases:
            reader = answered.reader(case.decision, as_predicted=False)
            again = [one.explain(reader).values for one in explainers]
            pairs = zip(case.values, again, strict=True)
            found.append(np.array([similarity(before, after) for before, after in pairs]))
    return found


def similarity(before: Array, after: Array) -> float:
    """Correlate the ranks of two words' values without signs (Spearman), without its own sign.

    Nan for few words, and where all values are equal.

    >>> similarity(np.array([1.0, -2, 3, 4, 5]), np.array([10.0, 20, 30, 40, 50]))
    1.0
    """
    if len(before) < LEAST_RANKED:
        return float("nan")
    ranks = np.stack([rankdata(np.abs(before)), rankdata(np.abs(after))])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(axis=1))
    if norms.min() == 0:
        return float("nan")
    return round(abs(float(ranks[0] @ ranks[1] / norms.prod())), 12)


def _summary(
    answered: Answered,
    cases: list[_Case],
    explainers: list[Explainer],
    alike: dict[str, Array],
    resampled: Resampled,
    seconds: float,
) -> Check:
    """Put together what was found on all rows."""
    rows = np.array([case.row for case in cases])
    lost = by_row(np.stack([case.lost for case in cases]), rows)
    chance = by_row(np.stack([case.chance for case in cases]), rows)
    operators = [one for place, one in enumerate(OPERATORS) if not np.isnan(lost[:, place]).all()]
    found = [
        [
            _erased(lost[:, place, [number, -1], kind], resampled, MEASURES[kind], operator)
            for place, operator in enumerate(operators)
            for kind in range(len(MEASURES))
        ]
        for number in range(len(explainers))
    ]
    corrected = iter(holm([one.p_value for ones in found for one in ones]))
    made = []
    for number, explainer in enumerate(explainers):
        errors = np.array([case.errors[number] for case in cases])
        adds_up = not np.isnan(errors).all()
        redrawn_scores = {
            part: resampled.score(by_row(values, rows)[:, number]) for part, values in alike.items()
        }
        checked = Checked(
            by=explainer.name,
            erased=tuple(replace(one, p_adjusted=next(corrected)) for one in found[number]),
            error=resampled.score(by_row(errors, rows)) if adds_up else None,
            worst_error=float(np.nanmax(errors)) if adds_up else None,
            redrawn=redrawn_scores,
            chance=resampled.score(chance[:, number]),
        )
        made.append(checked)
    decision = cases[0].decision
    about = Check(
        explainers=tuple(made),
        n_rows=len(np.unique(rows)),
        n_decisions=len(cases),
        shares=SHARES,
        unit="standard deviations" if decision.is_number else "probability",
        replaced_by=replacement_of(answered.codec.processor).name,
        confidence=resampled.confidence,
        n_resamples=len(resampled.weights),
        seconds=seconds,
        notes=_notes(decision, operators, alike),
    )
    return replace(about, verdict=tuple(sentences(about)))


def _erased(values: Array, resampled: Resampled, measure: str, operator: str) -> Erased:
    """Summarise one measure of an explainer and of random words, (rows, 2, shares)."""
    means = values.mean(axis=-1)
    sign = 1.0 if measure == "comprehensiveness" else -1.0
    gain, p_value, is_bound = resampled.against(sign * means[:, 0], sign * means[:, 1])
    return Erased(
        measure=measure,
        operator=operator,
        score=resampled.score(means[:, 0]),
        random=resampled.score(means[:, 1]),
        gain=gain,
        p_value=p_value,
        p_is_bound=is_bound,
        by_share=tuple(np.nanmean(values[:, 0], axis=0).tolist()),
        random_by_share=tuple(np.nanmean(values[:, 1], axis=0).tolist()),
    )


def _notes(decision: Decision, operators: list[str], alike: dict[str, Array]) -> tuple[str, ...]:
    """Say what was not measured, and why."""
    notes = []
    if len(decision.choices) > 1:
        notes.append(
            "a decision of several choices has the probability that belongs to the mean of their "
            "log-odds"
        )
    if decision.is_number:
        notes.append(
            "words are ordered by how far they move the number away from the training mean, to the "
            "side on which it was predicted"
        )
    if OPERATORS[1] not in operators:
        notes.append(
            "words are replaced but not deleted: outputs belong to tokens, which would move"
        )
    if alike and HEAD not in alike:
        notes.append("the model has no head of its own, so none was drawn anew")
    return tuple(notes)
