"""R9: two processes never write one run."""

from __future__ import annotations

from pathlib import Path

from tests.torture.kills import TRAINING, dying_after_save
from tests.torture.trial import Bench, Child

TOLD = "Another process is writing this run."


def bench(folder: Path) -> Bench:
    """Make the bench on which runs are begun together."""
    return Bench(folder, training={**TRAINING, "max_steps": 400}, baselines=[])


def trials(made: Bench, n: int, *, out: str = "shared") -> list[bool]:
    """Begin one run `n` times at once; say of each process whether it won alone or was told who."""
    children: list[Child] = [made.begin(out) for _ in range(n)]
    ended = [child.wait() for child in children]
    winners = [one.code == 0 for one in ended]
    return [
        (one.code == 0 and sum(winners) == 1)
        or (one.code == 2 and TOLD in one.said and "held by process" in one.said)
        for one in ended
    ]


def trials_on_a_dead_one(made: Bench, n: int) -> list[bool]:
    """The same for a run whose owner was killed."""
    assert made.begin("dead", before=dying_after_save(2)).wait().code < 0
    return trials(made, n, out="dead")
