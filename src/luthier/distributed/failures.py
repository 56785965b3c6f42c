"""How the failure of one process ends the others, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from luthier.declarations import JSON
from luthier.errors import TrainingError
from luthier.signals import Interrupted, Terminated

FAILURE, HEARD = "failure", "heard"  # keys of the group's store; `heard` with a rank
SAID, PATIENCE = 2.0, 10.0  # seconds to wait for a reason, said before it goes; to be heard
WORDS = (  # in what gloo, NCCL and the store say when a process does not answer
    "connection closed",
    "connection reset",
    "connection refused",
    "broken pipe",
    "timed out",
    "timeout",
    "gloo",
    "nccl",
    "tcpstore",
    "socket",
    "no route",
)
STOPS = (Interrupted, Terminated)


class GoneError(TrainingError):
    """Another process of the run has ended.

    Args:
        was_told: Whether it left its reason.
    """

    def __init__(
        self,
        problem: str,
        *,
        received: str | None = None,
        hint: str | None = None,
        was_told: bool = False,
    ):
        super().__init__(problem, received=received, hint=hint)
        self.was_told = was_told


def is_about_others(problem: RuntimeError) -> bool:
    """Return whether an error says that another process does not answer."""
    words = str(problem).lower()
    return any(one in words for one in WORDS)


def as_failure(problem: BaseException, rank: int) -> dict[str, JSON]:
    """Describe why a process ends, for the others."""
    return {
        "process": rank,
        "problem": str(getattr(problem, "problem", problem) or type(problem).__name__),
        "received": getattr(problem, "received", None),
        "hint": getattr(problem, "hint", None),
        "code": problem.code if isinstance(problem, STOPS) else None,
    }


def raise_failure(
    reason: Mapping[str, JSON] | None, problem: RuntimeError, seconds: float
) -> NoReturn:
    """End this process for the reason that another one left.

    Raises:
        Interrupted: The other one was stopped by Ctrl-C; `Terminated`: by SIGTERM.
        GoneError: It failed, or ended without a word.
    """
    if reason is None:
        is_late = "timed out" in str(problem).lower() or "timeout" in str(problem).lower()
        raise GoneError(
            f"Another process of this run did not answer for {seconds:g} s."
            if is_late
            else "Another process of this run ended without a word: it was killed, or its machine "
            "is gone.",
            hint="the same command resumes the run from its last checkpoint",
        ) from problem
    for stop in STOPS:
        if stop("").code == reason["code"]:
            raise stop(str(reason["problem"])) from None
    raise GoneError(
        f"Process {reason['process']} failed: {reason['problem']}",
        received=reason["received"],
        hint=reason["hint"],
        was_told=True,
    ) from None
