"""Says in plain words what a check of explanations found."""

from __future__ import annotations

from collections.abc import Iterator

from luthier.evaluation.sentences import say_p
from luthier.explaining.checked import Check, Checked, Erased
from luthier.explaining.redrawn import EVERYTHING, HEAD
from luthier.results import ALPHA, Score

SAME = 0.8  # similarity with a head drawn anew from which a map says nothing about the label
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}


def sentences(check: Check) -> Iterator[str]:
    """Write what was found of each explainer."""
    for one in check.explainers:
        yield _faithful(one, check)
        if one.error is not None:
            yield (
                f"{one.by}: its values add up to the decision but for {one.error.value:.2%} on "
                f"average, {one.worst_error:.2%} at most."
            )
        yield from _redrawn(one)


def _faithful(one: Checked, check: Check) -> str:
    """Say whether an explainer's words matter more than words drawn at random."""
    better = [found for found in one.erased if _is_clear(found) and found.gain.value > 0]
    worse = [found for found in one.erased if _is_clear(found) and found.gain.value < 0]
    n_all = len(one.erased)
    if len(better) == n_all:
        least = min(better, key=lambda found: found.gain.low)
        which = f"all {NUMBERS[n_all]} measures, least clearly" if n_all > 1 else "the measure"
        return f"{one.by} is better than random words in {which} by {_gain(least, check)}."
    if better:
        others = "; ".join(
            f"{'worse' if found in worse else 'not distinguishable'} by {_gain(found, check)}"
            for found in one.erased
            if found not in better
        )
        return (
            f"{one.by} is better than random words in {NUMBERS[len(better)]} of {NUMBERS[n_all]} "
            f"measures; the rest: {others}."
        )
    if worse:
        return f"{one.by} is worse than random words by {_gain(worse[0], check)}."
    best = max(one.erased, key=lambda found: found.gain.low)
    return f"{one.by} is not distinguishable from random words; at best by {_gain(best, check)}."


def _is_clear(found: Erased) -> bool:
    return found.p_adjusted < ALPHA


def _gain(found: Erased, check: Check) -> str:
    """Write a gain over random words with its interval and its test."""
    unit = "of probability" if check.unit == "probability" else check.unit
    return (
        f"{abs(found.gain.value):.3f} {unit} ({found.measure}, words {found.operator}; "
        f"{check.confidence * 100:g} % interval {found.gain.low:+.3f} to {found.gain.high:+.3f}, "
        f"n = {found.gain.n}, {say_p(found.p_adjusted, is_bound=found.p_is_bound)})"
    )


def _redrawn(one: Checked) -> Iterator[str]:
    """Say whether an explainer sees that the model's weights are others."""
    chance = f"random values: {one.chance.value:.2f}"
    for part, score in one.redrawn.items():
        what = "the head's weights are" if part == HEAD else "all weights are"
        measured = f"similarity {_interval(score)}; {chance}"
        if score.n == 0:
            yield f"{one.by}: no row has words enough to compare values when {what} drawn anew."
        elif score.value < SAME:
            yield f"{one.by} names other words when {what} drawn anew ({measured})."
        elif part == EVERYTHING:
            yield (
                f"{one.by} names the same words when {what} drawn anew ({measured}): it says "
                "nothing about the model."
            )
        else:
            yield (
                f"{one.by} names the same words when {what} drawn anew ({measured}): its head's "
                f"weights do not matter to {one.by}, so it says nothing about the label."
            )


def _interval(score: Score) -> str:
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]"
