"""What a study says in words: which arm is best with how much, and which are not told apart.

"Best" is said only of an arm that is told apart from all others; another one with the best mean is
ahead.

With one arm there is nothing to be best of: its mean, interval and spread are said instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from luthier.metrics.names import as_points, lower_is_better
from luthier.studies.statistics import Estimate, Line, Pair

FULL = "full"
BEST, AHEAD = "is best", "is ahead"


@dataclass(frozen=True)
class Winner:
    """The best arm of a level, and those that cannot be told apart from it."""

    level: str
    line: Line
    unclear: tuple[str, ...]


def sentences_of(
    lines: Sequence[Line], compared: Sequence[Pair], metric: str, *, confidence: float, unit: str
) -> list[str]:
    """Say which arm is best from which level on, and then what is in doubt.

    Args:
        lines: By level and arm.
        compared: All pairs.
        metric: Of the scores.
        confidence: Level of the intervals.
        unit: What levels count, such as "labels a class"; "" where there are no levels.
    """
    winners, alone = [], []
    for _, group in groupby(lines, key=lambda line: line.level):
        found = list(group)
        if len(found) > 1:
            winners.append(winner_of(found, compared, metric))
        else:
            alone.append(found[0])
    stretches = [list(found) for _, found in groupby(winners, key=lambda one: one.line.arm)]
    said = []
    if stretches:
        said.append(which_is_best(stretches, metric, unit))
        said += [doubt for found in stretches for doubt in doubts(found, unit)]
    return said + [described(one, metric, confidence=confidence, unit=unit) for one in alone]


def winner_of(lines: Sequence[Line], compared: Sequence[Pair], metric: str) -> Winner:
    """Find the best arm of one level."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    first, *others = sorted(lines, key=lambda line: -sign * line.score.mean)
    clear = {
        arm
        for pair in compared
        if pair.level == first.level and pair.is_clear
        for arm in (pair.first, pair.second)
        if first.arm in (pair.first, pair.second)
    }
    return Winner(
        first.level, first, tuple(sorted(one.arm for one in others if one.arm not in clear))
    )


def which_is_best(stretches: Sequence[Sequence[Winner]], metric: str, unit: str) -> str:
    """Say which arm is best on every stretch of levels; the first with its scores."""
    first, *others = stretches
    scores = [_score(one.line.score, metric) for one in first]
    shown = scores[0] if len(scores) == 1 else f"{scores[0]} to {scores[-1]}"
    where = f"With {_levels([one.level for one in first], unit)}, " if unit else ""
    claims = [_claim(found) for found in stretches]
    parts = [f"{where}{_named(first[0].line.arm, unit)} {claims[0]} ({shown})"]
    for found, claim in zip(others, claims[1:], strict=True):
        start, end = found[0].level, found[-1].level
        if start == FULL:
            reach = "with all"
        elif found is others[-1]:
            reach = f"from {start} on"
        else:
            reach = f"with {start}" if start == end else f"from {start} to {end}"
        said = "is" if claim == claims[0] else claim
        parts.append(f"{reach} {_named(found[0].line.arm, unit)} {said}")
    return "; ".join(parts) + "."


def _claim(found: Sequence[Winner]) -> str:
    """Call an arm best only where it is told apart from all others, at every level."""
    return AHEAD if any(one.unclear for one in found) else BEST


def doubts(found: Sequence[Winner], unit: str) -> list[str]:
    """Say at which levels of a stretch other arms are not told apart from the best."""
    said = []
    for unclear in dict.fromkeys(one.unclear for one in found if one.unclear):
        where = _listed([one.level for one in found if one.unclear == unclear], unit)
        best, others = _named(found[0].line.arm, unit), _and([_named(one, unit) for one in unclear])
        said.append(f"{where}{best} is not told apart from {others}.")
    return said


def described(line: Line, metric: str, *, confidence: float, unit: str) -> str:
    """Say what an arm that stands alone came to."""
    score = line.score
    where = _listed([line.level], unit)
    spread = "" if score.spread is None else f", spread {_amount(score.spread, metric)}"
    count = "1 seed" if score.n_seeds == 1 else f"{score.n_seeds} seeds"
    return (
        f"{where}{_named(line.arm, unit)} has a mean of {_amount(score.mean, metric)} "
        f"({confidence:.0%} interval {_amount(score.low, metric)} to "
        f"{_amount(score.high, metric)}{spread}, {count})."
    )


def _named(arm: str, unit: str) -> str:
    return "full fine-tuning" if unit and arm == FULL else arm


def _levels(levels: Sequence[str], unit: str) -> str:
    """Name a stretch of levels."""
    if levels[0] == FULL:
        return "all labels" if "labels" in unit else f"all {unit}"
    if len(levels) == 1:
        return f"{levels[0]} {unit}"
    end = "all" if levels[-1] == FULL else levels[-1]
    return f"{levels[0]} to {end} {unit}"


def _listed(levels: Sequence[str], unit: str) -> str:
    """Name every level."""
    if not unit:
        return ""
    if len(levels) == 1:
        return f"With {_levels(levels, unit)}, "
    return f"With {_and(['all' if one == FULL else one for one in levels])} {unit}, "


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _amount(value: float, metric: str) -> str:
    return f"{100 * value:.1f}" if as_points(metric) else f"{value:.3f}"


def _score(score: Estimate, metric: str) -> str:
    reach = (score.high - score.low) / 2
    return f"{_amount(score.mean, metric)} ± {_amount(reach, metric)}"
