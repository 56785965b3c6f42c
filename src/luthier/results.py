"""Results of a run: findings about its data, scores with intervals, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

ALPHA = 0.05  # error of a verdict, after Holm's correction


@dataclass(frozen=True)
class Finding:
    """One thing that the data doctor found.

    Args:
        code: A stable kebab-case name, such as `duplicate-across-splits`.
        severity: `error` (the run stops), `warning` (shown first) or `note`.
        message: One sentence with the numbers.
        count: Number of rows concerned.
        places: Places of the first few, as `file:line:column`.
        fix: The fix, preferably a recipe override that can be pasted.
    """

    code: str
    severity: str
    message: str
    count: int
    places: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True)
class Score:
    """A metric: its value, the ends of its interval, and its number of rows."""

    value: float
    low: float
    high: float
    n: int


Scores = Mapping[str, Score]  # metric -> score


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, or the part of it that is wrong.

    Args:
        row: The row.
        size: How large it is: how sure the model was, 0 to 1; of numbers and texts, how far off.
        said: What was wrong and how sure the model was, where a label beside the gold one does not
            show it.
        label: The label that is wrongly given, or wanting, where rows have several.
        words: Numbers of the words that have wrong tags.
    """

    row: int
    size: float
    said: str = ""
    label: str | None = None
    words: range | None = None


@dataclass(frozen=True)
class Comparison:
    """A system against a baseline on the same rows, on one metric.

    Args:
        system: Name of the system.
        baseline: Name of the system that it is compared with.
        metric: Name of the metric.
        difference: System minus baseline, in the metric's unit, signed so that more is better.
        low: Lower end of the interval of the difference.
        high: Upper end of the interval of the difference.
        p_value: P-value of the paired test.
        p_adjusted: P-value after Holm's correction.
        test: Name of the paired test.
        n: Number of rows compared.
        n_needed: Number of rows that would detect the difference with 80 % power; None if unknown.
        verdict: The comparison as one sentence.
        n_comparisons: Number of comparisons that p is corrected for; the interval is that of one.
        p_is_bound: Whether p is the least that so many resamples can give: it is that or lower.
        ratio: System divided by baseline, with the ends of its interval, for metrics that are
            compared by their ratio (`Metric.by_ratio`); None for all others.
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
    n_comparisons: int = 1
    p_is_bound: bool = False
    ratio: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class RunResult:
    """The outcome of a run: its folder, scores and verdicts.

    Args:
        folder: Path of the run folder.
        scores: System to metric to score on the test rows.
        comparisons: The fine-tuned model against each baseline.
        findings: What the data doctor found.
        report: Path of the report.
        told: What happened in training that the scores must be read with, in sentences.
    """

    folder: str
    scores: Mapping[str, Scores]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    report: str
    told: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """Draw the scores and the verdicts in a notebook."""
        sentences = [*(one.verdict for one in self.comparisons), *self.told]
        return as_html(self.scores, sentences, f"Report: {self.report}")


def as_html(scores: Mapping[str, Scores], sentences: Sequence[str], *notes: str) -> str:
    """Write scores with their intervals as a table, and sentences below it; all is escaped."""
    metrics = list(dict.fromkeys(metric for found in scores.values() for metric in found))
    head = "".join(f"<th>{escape(metric.replace('_', ' '))}</th>" for metric in metrics)
    rows = "".join(
        f"<tr><th>{escape(system)}</th>"
        + "".join(f"<td>{_cell(found.get(metric))}</td>" for metric in metrics)
        + "</tr>"
        for system, found in scores.items()
    )
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<table><tr><th>system</th>{head}</tr>{rows}</table><ul>{listed}</ul>{below}"


def _cell(score: Score | None) -> str:
    if score is None:
        return ""
    return f"{score.value:.3f} <small>[{score.low:.3f}, {score.high:.3f}], n = {score.n}</small>"
