"""What a study says: by level and arm a score and its costs, all pairs compared, and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from luthier.runs import plain
from luthier.studies.changes import what_helped
from luthier.studies.outcomes import SystemScores
from luthier.studies.statistics import Line, Pair, of_arm, pairs
from luthier.studies.trial import Cost, Failure, Study
from luthier.studies.verdict import sentences_of

Say = Callable[..., Sequence[str]]  # pairs, the metric and `unit`, to sentences


@dataclass(frozen=True)
class Results:
    """All that a study found.

    Args:
        name: The heading of the study's page.
        metric: The metric by which arms are compared.
        confidence: The level of the intervals.
        levels: How much the runs learned from, in the order in which it was tried.
        arms: What is compared, baselines included.
        lines: The mean score and the costs of every arm at every level.
        pairs: Every two arms of a level compared; each arm with the reference, where there is one.
        sentences: The verdict in words.
        n_test: The number of test rows.
        seeds: The seeds of all runs.
        failures: The trials that could not be run, each with `cell`, `reason` and `hint`.
        notes: The protocol in words.
        folder: The folder of the study.
        reference: The arm that all others are changes of; None where there is none.
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
    failures: tuple[dict[str, str | None], ...]
    notes: tuple[str, ...]
    folder: str
    reference: str | None = None

    @property
    def report(self) -> str:
        """Path of the page with all of this."""
        return str(Path(self.folder) / "report.html")


def sum_up(
    study: Study,
    systems: Sequence[SystemScores],
    failures: Sequence[Failure],
    *,
    folder: Path,
    said: Say = what_helped,
) -> Results:
    """Sum a study up.

    Args:
        study: What was run.
        systems: The test scores of every system of every finished trial.
        failures: The trials that could not be run.
        folder: The folder of the study.
        said: Says what changes did, where there is a reference.
    """
    metric, confidence = study.metric, study.confidence
    levels = tuple(dict.fromkeys(one.trial.level for one in systems))
    arms = tuple(dict.fromkeys(one.arm for one in systems))
    by_level = {
        level: {
            arm: found
            for arm in arms
            if (found := [one for one in systems if (one.trial.level, one.arm) == (level, arm)])
        }
        for level in levels
    }
    lines = tuple(
        Line(level, arm, of_arm(found, metric, confidence=confidence), costs(found))
        for level, arms_of in by_level.items()
        for arm, found in arms_of.items()
    )
    reference = getattr(study, "reference", None)
    compared = tuple(pairs(by_level, metric, confidence=confidence, reference=reference))
    if reference is None:
        told: Sequence[str] = sentences_of(
            lines, compared, metric, confidence=confidence, unit=study.unit
        )
    else:
        told = said(compared, metric, unit=study.unit)
    return Results(
        name=study.name,
        metric=metric,
        confidence=confidence,
        levels=levels,
        arms=arms,
        lines=lines,
        pairs=compared,
        sentences=tuple(told),
        n_test=max((one.n_test for one in systems), default=0),
        seeds=tuple(sorted({one.trial.seed for one in systems})),
        failures=tuple(
            {"cell": one.trial.name, "reason": one.reason, "hint": one.hint} for one in failures
        ),
        notes=tuple(study.notes),
        folder=str(folder),
        reference=reference,
    )


def costs(systems: Sequence[SystemScores]) -> dict[str, float | None]:
    """Give the medians of what an arm cost; None where nothing is known of it."""
    found: dict[str, float | None] = {}
    for name in (field.name for field in fields(Cost)):
        known = [cost for one in systems if (cost := getattr(one.cost, name)) is not None]
        found[name] = float(np.median(known)) if known else None
    return found


def as_document(results: Results) -> dict[str, Any]:
    """Give the results as JSON holds them; a folder may be moved, and does not say where it is."""
    return {name: value for name, value in plain(results).items() if name != "folder"}
