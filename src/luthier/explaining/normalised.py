"""How good explanations of two models are, in a number that can be compared across models.

What the best words are worth (comprehensiveness, AOPC) cannot: a model that is sure on few words
loses more by any order than one that is not. Edin et al. 2024, "Normalized AOPC: fixing misleading
faithfulness metrics for feature attribution explainability", divide by what the row allows:
0 is the worst order of the row's words, 1 the best one. Up to 8 words both are found exactly, for
more by a beam search, which may miss the very best; what an explainer finds counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from luthier.errors import DataError
from luthier.evaluation.sentences import say_p
from luthier.explaining.erasure import best_first, likelihood, side
from luthier.explaining.explain import DEFAULT, Answered, NothingReadError, make_explainer
from luthier.explaining.resampled import Resampled
from luthier.explanation import Decision, Explainer, Reader
from luthier.ragged import Array
from luthier.records import StepInfo
from luthier.results import ALPHA, Score

EXACT = 8  # words up to which all sets of words are asked
BEAM = 5
N_ROWS = 30
MOST_WORDS = 25  # longer rows are left out: their search takes minutes
N_RESAMPLES = 10_000
FLAT = 1e-6  # of probability: less than that between best and worst order is no order at all

Ask = Callable[[Array], Array]  # which words are gone, bool (texts, words) -> likelihood (texts,)


def naopc(reader: Reader, decision: Decision, values: Array) -> float:
    """Normalise what an explainer's order of words is worth by the row's best and worst order.

    The worth of an order is the mean of what the decision loses without its first word, its first
    two, and so on to all words.

    Args:
        reader: The decision, to be asked again; words are replaced.
        decision: The decision.
        values: The explainer's values of the words, (words,).

    Returns:
        From 0 (the worst order) to 1 (the best); nan where all orders are equal.
    """
    n_words = len(values)
    whole = float(reader.scores(np.zeros((1, n_words), dtype=bool))[0])
    towards = side(decision, whole)

    def ask(gone: Array) -> Array:
        return likelihood(reader.scores(gone), decision, towards)

    order = best_first(towards * values)
    is_gone = np.argsort(order)[None, :] < np.arange(1, n_words + 1)[:, None]
    own = float(ask(is_gone).sum())  # what is left, summed over the steps: the less, the better
    search = every_order if n_words <= EXACT else beam
    least, most = (search(ask, n_words, lowest=lowest) for lowest in (True, False))
    least, most = min(least, own), max(most, own)
    if most - least < FLAT * n_words:
        return float("nan")
    return (most - own) / (most - least)


def every_order(ask: Ask, n_words: int, *, lowest: bool) -> float:
    """Find the least (or most) that any order leaves, summed over its steps, exactly.

    An order is a way through the sets of words from none to all, so the best way to each set
    follows from those to the sets with one word less: 2^words sets instead of words! orders.
    """
    sets = np.arange(1, 2**n_words)
    gone = (sets[:, None] >> np.arange(n_words)) & 1
    left = ask(gone.astype(bool))
    choose = min if lowest else max
    best = {0: 0.0}
    for number in sets.tolist():  # a set comes after all of its parts
        parts = (number & ~(1 << word) for word in range(n_words) if number >> word & 1)
        best[number] = choose(best[part] for part in parts) + float(left[number - 1])
    return best[int(sets[-1])]


def beam(ask: Ask, n_words: int, *, lowest: bool, width: int = BEAM) -> float:
    """Search for the order that leaves least (or most), keeping the best few sets at each step."""
    sign = 1.0 if lowest else -1.0
    kept = [(0.0, frozenset[int]())]
    for _ in range(n_words):
        wider: dict[frozenset[int], float] = {}
        for total, gone in kept:
            for word in range(n_words):
                if word not in gone:
                    more = gone | {word}
                    wider[more] = min(total, wider.get(more, np.inf))
        sets = list(wider)
        without = np.zeros((len(sets), n_words), dtype=bool)
        for row, gone in enumerate(sets):
            without[row, list(gone)] = True
        totals = np.array([wider[one] for one in sets]) + sign * ask(without)
        kept = [(float(totals[n]), sets[n]) for n in np.argsort(totals, kind="stable")[:width]]
    return sign * kept[0][0]


@dataclass(frozen=True)
class Normalised:
    """Explanations of two models, compared.

    Args:
        by: Name of the explainer.
        scores: Model to its normalised AOPC, with its interval.
        difference: First minus second, on the same rows.
        p_value: P-value of the difference, by the paired bootstrap.
        p_is_bound: Whether that is the least that so many resamples can give.
        n_rows: Number of rows.
        n_long: Rows that were left out as too long for the search.
        n_flat: Rows left out because a model's decision does not depend on the order, or on words.
        confidence: Level of the intervals.
        verdict: What it comes to.
    """

    by: str
    scores: dict[str, Score]
    difference: Score
    p_value: float
    p_is_bound: bool
    n_rows: int
    n_long: int
    n_flat: int
    confidence: float
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Describe it as JSON."""
        return asdict(self)


def compare_normalised(
    both: tuple[Answered, Answered],
    names: tuple[str, str],
    *,
    by: str = DEFAULT,
    n_rows: int = N_ROWS,
    confidence: float = 0.95,
    seed: int = 0,
) -> Generator[StepInfo, None, Normalised]:
    """Compare explanations of two models on the same rows, each of its own answers.

    Args:
        both: The same rows, answered by either model.
        names: What the models are called.
        by: Name of the explainer.
        n_rows: Number of rows of up to 25 words, the first of them.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Raises:
        DataError: No row is short enough and has a decision of both.
    """
    explainer = make_explainer(by)
    found: list[list[float]] = []
    n_long, n_flat = 0, 0
    for row in range(len(both[0].rows)):
        if len(found) == n_rows:
            break
        cases = [_case(one, row) for one in both]
        if any(case is None for case in cases):
            n_flat += 1
            continue
        readers = [case for case in cases if case is not None]
        if max(reader.n_words for reader, _ in readers) > MOST_WORDS:
            n_long += 1
            continue
        values = [_naopc_of(reader, decision, explainer) for reader, decision in readers]
        if np.isnan(values).any():
            n_flat += 1
            continue
        found.append(values)
        yield StepInfo("comparing explanations", len(found), n_rows, rows=1)
    if not found:
        raise DataError(
            "No row can be compared: all are too long, or their decisions depend on no word.",
            received=f"{len(both[0].rows):,} rows, {n_long:,} of them of more than {MOST_WORDS} "
            "words",
            hint="test rows of fewer words",
        )
    measured = np.array(found)
    resampled = Resampled.of(
        len(measured), n_resamples=N_RESAMPLES, confidence=confidence, seed=seed
    )
    difference, p_value, is_bound = resampled.against(measured[:, 0], measured[:, 1])
    scores = {name: resampled.score(measured[:, n]) for n, name in enumerate(names)}
    verdict = _verdict(names, difference, p_value, is_bound, confidence)
    return Normalised(
        by,
        scores,
        difference,
        p_value,
        is_bound,
        len(measured),
        n_long,
        n_flat,
        confidence,
        verdict,
    )


def _case(answered: Answered, row: int) -> tuple[Reader, Decision] | None:
    """Take the first decision of a row that has two words; None without one."""
    for decision in answered.decisions(row):
        try:
            reader = answered.reader(decision)
        except NothingReadError:
            continue
        if reader.n_words > 1:
            return reader, decision
    return None


def _naopc_of(reader: Reader, decision: Decision, explainer: Explainer) -> float:
    return naopc(reader, decision, explainer.explain(reader).values)


def _verdict(
    names: Sequence[str], difference: Score, p_value: float, is_bound: bool, confidence: float
) -> str:
    """Say whose explanations are more faithful."""
    measured = (
        f"{abs(difference.value):.3f} of normalised AOPC, {confidence * 100:g} % interval "
        f"{difference.low:+.3f} to {difference.high:+.3f}, n = {difference.n}, "
        f"{say_p(p_value, is_bound=is_bound)}"
    )
    if p_value >= ALPHA:
        return f"explanations of {names[0]} and {names[1]} are not distinguishable ({measured})"
    way = "more" if difference.value > 0 else "less"
    return f"explanations of {names[0]} are {way} faithful than those of {names[1]} ({measured})"
