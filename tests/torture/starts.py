"""R9: two processes never write one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from luthier.runs.checkpoints import Store
from tests.torture.kills import TRAINING, dying_after_save
from tests.torture.trial import SECONDS, Bench, Child

TOLD = "Another process is writing this run."


def bench(folder: Path) -> Bench:
    """Make the bench on which runs are begun together."""
    return Bench(folder, training=TRAINING, baselines=[])


def trials(made: Bench, n: int, *, out: str = "shared") -> list[bool]:
    """Begin one run `n` times at once; say of each process whether it won alone or was told who.

    What writes waits for the others to end, however slow they are.
    """
    gate = made.folder / f"{out}-may-end"
    children: list[Child] = [made.begin(out, before=waiting(gate)) for _ in range(n)]
    deadline = time.monotonic() + SECONDS / 4
    while sum(not child.is_over() for child in children) > 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    gate.touch()
    ended = [child.wait() for child in children]
    winners = [one.code == 0 for one in ended]
    return [
        (one.code == 0 and sum(winners) == 1)
        or (one.code == 2 and TOLD in one.said and "held by process" in one.said)
        for one in ended
    ]


def waiting(gate: Path) -> Callable[[], None]:
    """Make what has a process wait at each save until a file is there."""

    def prepare() -> None:
        write = Store.write

        def held(self: Store, *given: object, **named: object) -> Path:
            while not gate.exists():
                time.sleep(0.005)
            return write(self, *given, **named)  # type: ignore[arg-type]

        Store.write = held  # type: ignore[method-assign,assignment]

    return prepare


def trials_on_a_dead_one(made: Bench, n: int) -> list[bool]:
    """The same for a run whose owner was killed."""
    assert made.begin("dead", before=dying_after_save(2)).wait().code < 0
    return trials(made, n, out="dead")
