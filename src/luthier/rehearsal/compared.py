"""Which strategy beats random, by how much, and how many labels it saves; in numbers and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luthier.metrics.names import lower_is_better, metric_of, title
from luthier.metrics.significance import holm
from luthier.ragged import Array
from luthier.rehearsal.play import Played
from luthier.report.study import HELPED, HURT, UNCLEAR, what_it_did
from luthier.seeding import stream
from luthier.studies.statistics import Estimate, estimate

RANDOM = "random"
RESAMPLES = 2000  # of seeds, for the interval of the labels that are saved


@dataclass(frozen=True)
class Saved:
    """How many labels a strategy saves.

    Args:
        n: Labels fewer than random's, to reach random's last score; 0 where it is not reached.
        low: Lower end of the interval, over resampled seeds.
        high: Upper end.
        of: How many labels random had.
    """

    n: float
    low: float
    high: float
    of: int


@dataclass(frozen=True)
class Against:
    """A strategy against random, paired by seed.

    Args:
        by: Name of the strategy.
        difference: Of the score, on average over all batches after the first; more is better.
        p_adjusted: Its p-value, by Holm's correction over the strategies.
        saved: How many labels it saves.
    """

    by: str
    difference: Estimate
    p_adjusted: float
    saved: Saved

    @property
    def verdict(self) -> str:
        """Say whether it helped, hurt, or cannot be told from random."""
        found = self.difference
        return what_it_did(found.mean, self.p_adjusted, found.n_seeds)


def against_random(
    plays: Mapping[str, Sequence[Played]], metric: str, *, confidence: float
) -> list[Against]:
    """Compare each strategy with random.

    Args:
        plays: Strategy to its plays, those of all strategies in the same order of seeds.
        metric: Of the scores.
        confidence: Level of the intervals.
    """
    sign = -1.0 if lower_is_better(metric) else 1.0
    found = []
    for by, ours in plays.items():
        if by == RANDOM:
            continue
        both = [*zip(ours, plays[RANDOM], strict=True)]
        values = np.array([(one.values - other.values)[1:].mean() for one, other in both])
        drawn = np.stack(
            [(one.resampled - other.resampled)[1:].mean(axis=0) for one, other in both]
        )
        difference = estimate(sign * values, sign * drawn, confidence=confidence)
        found.append((by, difference, labels_saved(ours, plays[RANDOM], sign, confidence)))
    corrected = holm([difference.p_value for _, difference, _ in found])
    return [
        Against(by, difference, p_adjusted, saved)
        for (by, difference, saved), p_adjusted in zip(found, corrected, strict=True)
    ]


def labels_saved(
    ours: Sequence[Played], random: Sequence[Played], sign: float, confidence: float
) -> Saved:
    """Count the labels that a strategy saves until it scores what random scores in the end.

    Both are means over seeds, and the interval resamples the seeds: a single curve crosses a level
    by chance.
    """
    n_labelled = np.mean([one.n_labelled for one in ours], axis=0)
    last = round(float(np.mean([one.n_labelled[-1] for one in random])))
    mine = sign * np.stack([one.values for one in ours])
    theirs = sign * np.array([one.values[-1] for one in random])
    seeds = stream(0, "labels-saved").integers(len(mine), size=(RESAMPLES, len(mine)))
    everyone = np.arange(len(mine))

    def saved(chosen: Array) -> float:
        goal = float(theirs[chosen].mean())
        return max(0.0, last - reached(mine[chosen].mean(axis=0), goal, n_labelled))

    outside = (1 - confidence) / 2
    low, high = np.quantile([saved(one) for one in seeds], [outside, 1 - outside])
    return Saved(saved(everyone), float(low), float(high), last)


def reached(scores: Array, goal: float, n_labelled: Array) -> float:
    """Say with how many labels a curve first reaches a score, between batches along a line.

    >>> reached(np.array([0.5, 0.7, 0.8]), 0.6, np.array([20.0, 40.0, 60.0]))
    30.0
    >>> reached(np.array([0.5, 0.5]), 0.6, np.array([20.0, 40.0]))
    inf
    """
    above = np.flatnonzero(scores >= goal)
    if len(above) == 0:
        return float("inf")
    at = int(above[0])
    if at == 0:
        return float(n_labelled[0])
    share = (goal - scores[at - 1]) / (scores[at] - scores[at - 1])
    return float(n_labelled[at - 1] + share * (n_labelled[at] - n_labelled[at - 1]))


def sentences_of(compared: Sequence[Against], metric: str, n_labels: int) -> Iterator[str]:
    """Say which strategy to take, and what each did."""
    best = max(compared, key=lambda one: one.difference.mean, default=None)
    helped = [one for one in compared if one.verdict == HELPED]
    if best is not None and helped:
        winner = max(helped, key=lambda one: one.difference.mean)
        yield f"On these rows {winner.by} teaches a model sooner than random rows do."
    elif compared:
        yield f"On these rows no strategy is better than random, as far as {n_labels} labels tell."
    for one in sorted(compared, key=lambda one: -one.difference.mean):
        yield sentence(one, metric)


def sentence(one: Against, metric: str) -> str:
    """Say what a strategy did."""
    unit, found = metric_of(metric).unit, one.difference
    digits = 1 if unit.factor > 1 else 3
    mean, low, high = (
        f"{unit.factor * end:+.{digits}f}" for end in (found.mean, found.low, found.high)
    )
    what = {
        HELPED: "beats random",
        HURT: "is worse than random",
        UNCLEAR: "no difference from random",
    }
    by = f"{mean}{f' {unit.difference}' * bool(unit.difference)}"
    said = (
        f"{one.by}: {what[one.verdict]} ({by} of {title(metric)} on average, {low} to {high}, "
        f"p = {one.p_adjusted:.3f})"
    )
    if one.verdict != HELPED or one.saved.n <= 0:
        return f"{said}."
    saved = one.saved
    shares = [f"{n / saved.of:.0%}" for n in (saved.n, saved.low, saved.high)]
    return (
        f"{said}; it reaches random's score of {saved.of} labels with {saved.of - saved.n:.0f}, "
        f"{shares[0]} fewer ({shares[1]} to {shares[2]})."
    )
