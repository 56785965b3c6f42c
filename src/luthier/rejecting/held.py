"""Answers held back: what is said in place of a label that is not sure enough, or fits not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.metrics.rejection import scores_of
from luthier.ragged import Array
from luthier.rejection import UNSURE, Rejection


@dataclass(frozen=True)
class Held:
    """When a predictor holds its answers back.

    Args:
        rejection: The rule of the run.
        score: The score that is gone by.
        sure_from: The score from which answers are as precise as was asked for; None: not asked.
    """

    rejection: Rejection
    score: str
    sure_from: float | None = None

    def instead(self, logits: Array, vectors: Array | None) -> list[str | None]:
        """Say what is answered in place of each row's label; None: the label itself."""
        rule, of_means = self.rejection, {}
        if vectors is not None:
            of_means = {"centre": np.asarray(rule.centre), "means": np.asarray(rule.means)}
        found = scores_of(logits, vectors, **of_means)[self.score]
        threshold = rule.rules[self.score].threshold
        said: list[str | None] = []
        for score in found:
            is_unsure = self.sure_from is not None and score < self.sure_from
            said.append(rule.label if score < threshold else UNSURE if is_unsure else None)
        return said


def held_to(
    rejection: Rejection | None, precision: float | None, *, has_vectors: bool
) -> Held | None:
    """Make the rule of a predictor, held to a precision where one is asked for.

    Args:
        rejection: The rule of its target; None where it has none.
        precision: The share of answers that are to be right, at least.
        has_vectors: Whether what the head reads can be computed.

    Raises:
        RunError: The run has no such rule, or its validation rows cannot show such a precision.
    """
    if rejection is None:
        if precision is None:
            return None
        raise RunError(
            "This run has not measured what its surest answers are worth.",
            received=f"a precision of {precision:g}",
            hint="luthier run RECIPE evaluation.reject=auto",
        )
    score = rejection.usable(has_vectors=has_vectors)
    if precision is None:
        return Held(rejection, score)
    rule = rejection.rules[score]
    step = rule.at_least(precision)
    if step is None:
        best = rule.surest
        raise RunError(
            f"The validation rows cannot show a precision of {precision:g}.",
            received=f"at most {best.low:.3f}, the lower end of the {rejection.confidence:.0%} "
            f"interval: {best.n_right} of the {best.n_answered} surest of {rejection.n_rows} rows "
            "are right",
            hint=f"a precision of {np.floor(best.low * 1000) / 1000:g}, or more validation rows",
        )
    return Held(rejection, score, step.threshold)


def in_place_of(answer: JSON, said: str | None) -> JSON:
    """Hold one answer back: what is said stands before the best label, which is told."""
    if said is None:
        return answer
    best: dict[str, Any] = answer[0] if isinstance(answer, list) else answer
    made = {**best, "label": said, "instead_of": best["label"]}
    return [made, *answer] if isinstance(answer, list) else made
