"""What a run finds out: findings about its data, scores with their doubt, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that the data doctor found.

    Args:
        code: A stable kebab-case name, such as `duplicate-across-splits`.
        severity: `error` (the run stops), `warning` (shown first) or `note`.
        message: One sentence with the numbers in it.
        count: How many rows are concerned.
        places: The first few as `file:line:column`.
        fix: What to do, best a recipe override that can be pasted.
    """

    code: str
    severity: str
    message: str
    count: int
    places: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True)
class Score:
    """A metric with its doubt: the value, the ends of its interval, and the rows behind it."""

    value: float
    low: float
    high: float
    n: int


Scores = Mapping[str, Score]  # metric -> score


@dataclass(frozen=True)
class Comparison:
    """A system against a baseline on the same rows, on one metric.

    Args:
        system: The system judged. `baseline`: what it is compared with. `metric`: by which metric.
        difference: System minus baseline, in the metric's unit, signed so that more is better.
        low: Lower end of the interval of the difference. `high`: upper end.
        p_value: Of the paired test. `p_adjusted`: after Holm's correction.
        test: The name of that test.
        n: Rows compared. `n_needed`: rows that would tell the two apart (80 % power), or None.
        verdict: All of it in one sentence.
    """

    system: str
    baseline: str
    metric: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    test: str
    n: int
    n_needed: int | None
    verdict: str


@dataclass(frozen=True)
class RunResult:
    """What a run came to: where it lies, its scores and its verdicts.

    Args:
        folder: The run folder. `scores`: system -> metric -> score on the test rows.
        comparisons: The fine-tuned model against each baseline. `findings`: The doctor's.
        report: Path of the report.
    """

    folder: str
    scores: Mapping[str, Scores]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    report: str
