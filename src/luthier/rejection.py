"""The rule by which a model answers no label: a score, and what answers above it were worth.

A `Target` may hold one, so it is saved, sealed and exported with what is predicted. `rejecting/`
fits it on validation rows, `metrics/rejection.py` has its scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AUTO = "auto"  # `evaluation.reject` where no label says what fits none
UNSURE = "unsure"  # what is answered in place of a label that is not sure enough
PROBABILITY, ENERGY, MARGIN, DISTANCE = "max-probability", "energy", "margin", "class-distance"
SCORES = (PROBABILITY, ENERGY, MARGIN, DISTANCE)  # all of them higher where a label fits


@dataclass(frozen=True)
class Step:
    """What answers were worth from a threshold up, on validation rows.

    Args:
        threshold: The least score that is answered.
        n_answered: Validation rows that are answered.
        n_right: Those of them whose answer is right; no answer to a row that fits no label is.
        low: Lower end of the interval of the share that is right (one-sided, exact).
    """

    threshold: float
    n_answered: int
    n_right: int
    low: float


@dataclass(frozen=True)
class Rule:
    """A score's threshold, and its steps from all answers to the surest.

    Args:
        threshold: Rows that score below it fit no label.
        steps: What answers are worth from other thresholds up.
    """

    threshold: float
    steps: tuple[Step, ...]

    def at_least(self, precision: float) -> Step | None:
        """Return the step with the most answers whose lower end reaches a precision, if any."""
        able = [
            one for one in self.steps if one.low >= precision and one.threshold >= self.threshold
        ]
        return max(able, key=lambda one: one.n_answered, default=None)

    @property
    def surest(self) -> Step:
        """The step with the highest lower end."""
        return max(
            (one for one in self.steps if one.threshold >= self.threshold),
            key=lambda one: one.low,
            default=self.steps[-1],
        )


@dataclass(frozen=True)
class Rejection:
    """How a model tells that no label fits.

    Args:
        label: What is answered then.
        chosen: The score that told best on validation rows.
        rules: Score to its rule; without class means, there is none for their distance.
        n_rows: The number of validation rows, those that fit no label among them.
        confidence: Level of the lower ends.
        centre: Mean vector of the training rows, (width,).
        means: Mean vector of the training rows of each label, less the centre, (labels, width).
    """

    label: str
    chosen: str
    rules: Mapping[str, Rule]
    n_rows: int
    confidence: float
    centre: tuple[float, ...] = ()
    means: tuple[tuple[float, ...], ...] = ()

    def usable(self, *, has_vectors: bool) -> str:
        """Name the score to go by; without vectors, the usual one stands in for distances."""
        return self.chosen if has_vectors or self.chosen != DISTANCE else PROBABILITY
