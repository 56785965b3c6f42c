"""What is said of a search's trials, whatever library chose them. Next: `found.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Arm = Literal["tpe", "random"]  # how values are chosen
CELLS: Mapping[Arm, str] = {"tpe": "trial", "random": "random"}  # how names of run folders begin
LEAST_TRIALS = 15  # finished ones, below which nothing is said of settings
MATTERED, UNTOLD = "mattered", "cannot be told"


@dataclass(frozen=True)
class Tried:
    """A trial of a search.

    Args:
        number: From 0.
        cell: The name of its run folder.
        state: What came of it.
        score: On the validation rows; None unless it finished.
        values: The settings that were tried.
        curve: Share of the training done, to the score on the validation rows after it.
        reason: Why it failed or was pruned.
        seconds: How long it took, pauses included.
    """

    number: int
    cell: str
    state: Literal["finished", "pruned", "failed", "running"]
    score: float | None
    values: Mapping[str, Any]
    curve: Mapping[float, float]
    reason: str | None
    seconds: float | None


@dataclass(frozen=True)
class Mattered:
    """How much a setting mattered.

    Args:
        path: Of the setting.
        share: Of the variance of the scores that is due to settings.
        low: Lower end of the interval by resampled trials.
        high: Upper end.
        p_adjusted: Of a share as large by chance, corrected for the number of settings (Holm).
        verdict: `mattered`, or `cannot be told`.
    """

    path: str
    share: float
    low: float
    high: float
    p_adjusted: float
    verdict: str


OnTried = Callable[[Arm, int, Tried | None], None]
"""Called with the arm, how many trials it has in all, and a trial that ended; None: one begins."""
