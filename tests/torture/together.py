"""R13: one of several processes is killed, and loses no more than one alone would.

A random one is killed, half at random instants, half inside a save, every other run with sharded
weights; the others must end by themselves, and the same command must resume. R14: a damaged slice.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from luthier.distributed.several import TIMEOUT
from luthier.launch import environment_of, free_port
from luthier.training.checkpoint import Checkpointer
from tests.torture.damage import BEFORE, DAMAGES, NEWEST
from tests.torture.kills import INTERVAL, TRAINING, lost, lost_since
from tests.torture.trial import Bench, Child, Ended, command

N = 2
SECONDS = 300
SHARDINGS = ("none", "fsdp")
Before = Callable[[], object]


class Team:
    """The processes of one run.

    Args:
        made: The bench.
        out: The run folder, below that of the bench.
        before: Called first in the process of each rank that it names.
    """

    def __init__(self, made: Bench, out: str, *, before: dict[int, Before] | None = None):
        port = free_port()

        def work(rank: int) -> None:
            os.chdir(made.folder)
            os.environ.update(environment_of(rank, N, port))
            os.environ[TIMEOUT] = "45"
            if before and rank in before:
                before[rank]()
            command("run", str(made.recipe), "--out", out)

        self.children = [Child(partial(work, rank)) for rank in range(N)]

    def wait(self) -> list[Ended]:
        """Wait for the end of all."""
        return [one.wait(SECONDS) for one in self.children]


def bench(folder: Path, sharding: str) -> Bench:
    """Make the bench, with a run that was never killed."""
    training = {**TRAINING, "sharding": sharding}
    made = Bench(folder, training=training, baselines=["majority"])
    assert all(one.code == 0 for one in Team(made, "whole").wait())
    return made


def trials(folder: Path, n: int, *, seed: int = 0) -> list[str]:
    """Kill `n` runs; say of each what it lost: nothing, if the promise is kept."""
    chance = random.Random(seed)
    benches = [bench(folder / sharding, sharding) for sharding in SHARDINGS]
    begun = time.monotonic()
    Team(benches[0], "clock").wait()
    seconds = time.monotonic() - begun
    return [
        _trial(benches[number // 2 % 2], f"killed-{number}", number, chance, seconds)
        for number in range(n)
    ]


def _trial(made: Bench, out: str, number: int, chance: random.Random, seconds: float) -> str:
    rank = chance.randrange(N)
    if number % 2:
        ended = Team(made, out, before={rank: dying_inside_a_save(chance)}).wait()
    else:
        team = Team(made, out)
        time.sleep(chance.uniform(0.05, seconds))
        team.children[rank].kill()
        ended = team.wait()
    if made.run(out).path.joinpath("status.json").exists() and made.run(out).reached == "finished":
        return lost(made, out)  # it was quicker than its killer
    if ended[rank].code != -signal.SIGKILL:
        return f"process {rank} ended with {ended[rank].code}: {ended[rank].said[-300:]}"
    other = ended[1 - rank]
    if other.code != 2 or "bug in Luthier" in other.said:
        return f"the other one ended with {other.code}: {other.said[-300:]}"
    reached = made.last_step(out)
    again = Team(made, out).wait()
    if any(one.code for one in again):
        return f"went on to {[one.code for one in again]}: {again[0].said[-300:]}"
    return lost_since(made, out, reached)


def dying_inside_a_save(chance: random.Random) -> Before:
    """Make what has a process die at a random instant of one of its saves."""
    which = chance.randrange(TRAINING["max_steps"] // INTERVAL)  # type: ignore[operator]
    delay = chance.uniform(0, 0.02)

    def prepare() -> None:
        save, count = Checkpointer.save, iter(range(1000))

        def dying(self: Checkpointer, step: int, *, at_leisure: bool = False) -> None:
            if next(count) == which:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            save(self, step, at_leisure=at_leisure)

        Checkpointer.save = dying  # type: ignore[method-assign]

    return prepare


def damaged(folder: Path) -> Iterator[tuple[str, str]]:
    """Damage every file of slices in every way; say of each what went wrong: nothing, if found."""
    made = bench(folder, "fsdp")
    stop = _dying_after_saves(3)
    Team(made, "cut", before={0: stop}).wait()
    saved = Path("checkpoints", "fine-tuning")
    newest, before = (made.folder / "cut" / saved / step for step in (NEWEST, BEFORE))
    for name in sorted(path.name for path in newest.glob("*.rank-*")):
        for what, damage in DAMAGES.items():
            out = f"{name}-{what}".replace(" ", "-")
            shutil.copytree(made.folder / "cut", made.folder / out)
            file = made.folder / out / saved / NEWEST / name
            if what == "not a number" and file.suffix != ".safetensors":
                continue
            damage(file, before / name)
            ended = Team(made, out).wait()
            told = " ".join(one.said for one in ended)
            wrong = "" if all(one.code == 0 for one in ended) else f"ended: {told[-300:]}"
            if not wrong and name not in told:
                wrong = "not told"
            yield f"{name} {what}", wrong or lost(made, out)


def _dying_after_saves(n: int) -> Before:
    def prepare() -> None:
        save, count = Checkpointer.save, iter(range(1, 1000))

        def dying(self: Checkpointer, step: int, *, at_leisure: bool = False) -> None:
            save(self, step, at_leisure=at_leisure)
            if next(count) == n:
                os.kill(os.getpid(), signal.SIGKILL)

        Checkpointer.save = dying  # type: ignore[method-assign]

    return prepare
