"""What a study says: by level and arm a score and its costs, all pairs compared, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from luthier.studies.grid import Failure, Outcome
from luthier.studies.statistics import Line, Pair, of_arm, pairs
from luthier.studies.verdict import sentences_of

COSTS = ("seconds", "peak_memory_mib", "trained", "parameters", "bytes")


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
        tuple(sentences_of(lines, compared, metric, confidence=confidence, unit=unit)),
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


def as_document(results: Results) -> dict[str, Any]:
    """Give the results as JSON holds them."""
    from luthier.runs import plain

    content: dict[str, Any] = plain(results)
    return content
