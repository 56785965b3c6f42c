"""What the check of explanations finds, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from luthier.results import Score


@dataclass(frozen=True)
class Erased:
    """What a decision loses when words are taken out, for an explainer and for random words.

    Args:
        measure: `comprehensiveness` (without the best words; more is better) or `sufficiency` (with
            them alone; less is better).
        operator: Whether the others were `replaced` or `deleted`.
        score: The mean over shares of words and over rows.
        random: The same for words drawn at random.
        gain: How much better the explainer is than random words.
        p_value: P-value of the gain, by the paired bootstrap.
        p_is_bound: Whether that is the least that so many resamples can give.
        by_share: The mean over rows at each share of words.
        random_by_share: The same for random words.
        p_adjusted: P-value after Holm's correction for all comparisons of the check.
    """

    measure: str
    operator: str
    score: Score
    random: Score
    gain: Score
    p_value: float
    p_is_bound: bool
    by_share: tuple[float, ...]
    random_by_share: tuple[float, ...]
    p_adjusted: float = float("nan")


@dataclass(frozen=True)
class Checked:
    """What was found of one explainer.

    Args:
        by: Its name.
        erased: What words that it names are worth, by measure and operator.
        error: By how much its values miss the decision, as a share; None: they need not add up.
        worst_error: The largest such error.
        redrawn: How alike its values are when weights are drawn anew, by part of the model.
        chance: How alike its values are to random ones.
    """

    by: str
    erased: tuple[Erased, ...]
    error: Score | None
    worst_error: float | None
    redrawn: Mapping[str, Score]
    chance: Score


@dataclass(frozen=True)
class Check:
    """Whether explanations are true, measured on rows.

    Args:
        explainers: What was found of each explainer.
        n_rows: Number of rows.
        n_decisions: Number of decisions on them; a row counts once, as the mean of its own.
        shares: Shares of a text's words that were taken out.
        unit: What losses are measured in: `probability` or `standard deviations`.
        replaced_by: What words were replaced by.
        confidence: Level of the intervals.
        n_resamples: Number of bootstrap resamples of the rows.
        seconds: How long it took.
        notes: What was not measured, and how the rest is to be read.
        verdict: What it comes to, in sentences.
    """

    explainers: tuple[Checked, ...]
    n_rows: int
    n_decisions: int
    shares: tuple[float, ...]
    unit: str
    replaced_by: str
    confidence: float
    n_resamples: int
    seconds: float
    notes: tuple[str, ...] = ()
    verdict: tuple[str, ...] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """Describe it as JSON."""
        return asdict(self)
