"""What a study says: by level and arm a score and its costs, all pairs compared, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from luthier.metrics.names import as_points, lower_is_better
from luthier.studies.grid import Failure, Outcome
from luthier.studies.statistics import Estimate, Pair, of_arm, pairs

COSTS = ("seconds", "peak_memory_mib", "trained", "parameters", "bytes")


@dataclass(frozen=True)
class Line:
    """One arm at one level: its score over seeds, and the medians of what it cost."""

    level: str
    arm: str
    score: Estimate
    costs: dict[str, float | None]


@dataclass(frozen=True)
class Results:
    """All that a study found.

    Args:
        name: Of the study. `metric`: Of the scores. `confidence`: Of the intervals.
        levels: In their order. `arms`: Likewise. `lines`: By level and arm. `pairs`: All compared.
        sentences: The verdict in words. `n_test`: Test rows. `seeds`: All of them.
        failures: What could not be run, and why. `notes`: The protocol, in words.
    """

    name: str
    metric: str
    confidence: float
    levels: tuple[str, ...]
    arms: tuple[str, ...]
    lines: tuple[Line, ...]
    pairs: tuple[Pair, ...]
    sentences: tuple[str, ...]
    n_test: int
    seeds: tuple[int, ...]
    failures: tuple[dict[str, str | None], ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def sum_up(
    name: str,
    outcomes: Sequence[Outcome],
    failures: Sequence[Failure],
    *,
    metric: str,
    confidence: float,
    unit: str,
    notes: Sequence[str],
) -> Results:
    """Sum a study up.

    Args:
        name: Of the study.
        outcomes: Of all cells that were run.
        failures: Of the others.
        metric: To compare by.
        confidence: Level of the intervals.
        unit: What levels count, such as "labels a class"; "" where there are no levels.
        notes: The protocol, in words.
    """
    levels = tuple(dict.fromkeys(one.cell.level for one in outcomes))
    arms = tuple(dict.fromkeys(one.arm for one in outcomes))
    by_level = {
        level: {
            arm: found
            for arm in arms
            if (found := [o for o in outcomes if o.cell.level == level and o.arm == arm])
        }
        for level in levels
    }
    lines = tuple(
        Line(level, arm, of_arm(found, metric, confidence=confidence), costs(found))
        for level, arms_of in by_level.items()
        for arm, found in arms_of.items()
    )
    compared = tuple(pairs(by_level, metric, confidence=confidence))
    return Results(
        name,
        metric,
        confidence,
        levels,
        arms,
        lines,
        compared,
        tuple(verdict(lines, compared, metric, unit)),
        max((one.n_test for one in outcomes), default=0),
        tuple(sorted({one.cell.seed for one in outcomes})),
        tuple(
            {"cell": one.cell.folder, "reason": one.reason, "hint": one.hint} for one in failures
        ),
        tuple(notes),
    )


def costs(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Give the medians of what an arm cost; None where nothing is known of it."""
    found: dict[str, float | None] = {}
    for name in COSTS:
        known = [one.facts[name] for one in outcomes if one.facts.get(name) is not None]
        found[name] = float(np.median(known)) if known else None
    return found


def verdict(lines: Sequence[Line], compared: Sequence[Pair], metric: str, unit: str) -> list[str]:
    """Say which arm is best from which level on, and which cannot be told apart from it."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    best = []
    for level, group in groupby(lines, key=lambda line: line.level):
        ranked = sorted(group, key=lambda line: -sign * line.score.mean)
        unclear = [
            other.arm
            for other in ranked[1:]
            if not _is_clear(compared, level, ranked[0].arm, other.arm)
        ]
        best.append((level, ranked[0], unclear))
    sentences = []
    for arm, stretch in groupby(best, key=lambda one: one[1].arm):
        found = list(stretch)
        first, last = found[0], found[-1]
        scores = [_score(one[1].score, metric) for one in found]
        shown = scores[0] if len(found) == 1 else f"{scores[0]} to {scores[-1]}"
        where = _where(first[0], last[0], unit)
        doubt = sorted({name for one in found for name in one[2]})
        rest = f"; not told apart from {', '.join(doubt)} at every level" if doubt else ""
        if doubt and len(found) == 1:
            rest = f"; not told apart from {', '.join(doubt)}"
        sentences.append(f"{where}{arm} is best ({shown}){rest}.")
    return [sentence[:1].upper() + sentence[1:] for sentence in sentences]


def _is_clear(compared: Sequence[Pair], level: str, one: str, other: str) -> bool:
    return any(
        pair.is_clear
        for pair in compared
        if pair.level == level and {pair.first, pair.second} == {one, other}
    )


def _where(first: str, last: str, unit: str) -> str:
    if not unit:
        return ""
    if first == last:
        return "with all labels " if first == "full" else f"with {first} {unit} "
    end = "all" if last == "full" else last
    return f"with {first} to {end} {unit} "


def _score(score: Estimate, metric: str) -> str:
    reach = (score.high - score.low) / 2
    if as_points(metric):
        return f"{100 * score.mean:.1f} ± {100 * reach:.1f}"
    return f"{score.mean:.3f} ± {reach:.3f}"


def as_document(results: Results) -> dict[str, Any]:
    """Give the results as JSON holds them."""
    from luthier.runs import plain

    content: dict[str, Any] = plain(results)
    return content
