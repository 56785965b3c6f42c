"""How long a run's own training took, read from its events, which outlive interruptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from luthier.declarations import JSON

# How phases begin that are not the training of the model: they cost it nothing, and scores told in
# them are not its own.
ASIDE = ("checking", "predicting", "baseline", "judging")


class Tuning(NamedTuple):
    """What a training took.

    Args:
        seconds: Its time, extended from the steps that were logged to all; None if unknown.
        steps: Number of steps that were taken; 0 if it had none.
        n_steps: Number of steps that were planned.
    """

    seconds: float | None
    steps: int
    n_steps: int


def tuning_of(events: Iterable[Mapping[str, JSON]]) -> Tuning:
    """Read what the training of a run's model took, all of its phases together."""
    first: dict[str, Mapping[str, JSON]] = {}
    last: dict[str, Mapping[str, JSON]] = {}
    for event in events:
        phase = str(event.get("phase", ""))
        if not phase.startswith(ASIDE) and event.get("step"):
            first.setdefault(phase, event)
            last[phase] = event
    seconds = [_seconds(first[phase], last[phase]) for phase in last]
    known = [one for one in seconds if one is not None]
    return Tuning(
        sum(known) if known else None,
        max((int(event["step"]) for event in last.values()), default=0),
        max((int(event.get("n_steps") or 0) for event in last.values()), default=0),
    )


def _seconds(first: Mapping[str, JSON], last: Mapping[str, JSON]) -> float | None:
    """Extend the time between two logged steps to all steps up to the second."""
    steps = int(last["step"]) - int(first["step"])
    if steps <= 0 or first.get("time") is None or last.get("time") is None:
        return None
    return (float(last["time"]) - float(first["time"])) / steps * int(last["step"])
