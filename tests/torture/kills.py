"""R1: a run that is killed loses nothing but the steps since its last checkpoint.

Half of the kills come at random instants, half inside a save; every third run is killed twice.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from luthier.runs.checkpoints import Store
from tests.torture.trial import Bench, logged

INTERVAL = 4
TRAINING = {
    "max_steps": 24,
    "logging_steps": 1,
    "eval_strategy": "steps",
    "eval_steps": 6,
    "save_strategy": "steps",
    "save_steps": INTERVAL,
    "save_total_limit": 2,
}


def bench(folder: Path) -> Bench:
    """Make the bench on which runs are killed, with a run that never was."""
    made = Bench(folder, training=TRAINING, baselines=["majority"])
    assert made.finish("whole").code == 0
    return made


def trials(made: Bench, n: int, *, seed: int = 0) -> list[str]:
    """Kill `n` runs; say of each what it lost: nothing, if the promise is kept."""
    chance = random.Random(seed)
    seconds = min(made.finish(f"clock-{seed}-{number}").seconds for number in range(2))
    return [_trial(made, f"killed-{seed}-{number}", number, chance, seconds) for number in range(n)]


def _trial(made: Bench, out: str, number: int, chance: random.Random, seconds: float) -> str:
    for _ in range(2 if number % 3 == 0 else 1):
        if number % 2:
            died = made.begin(out, before=dying_inside_a_save(chance)).wait()
        else:
            child = made.begin(out)
            time.sleep(chance.uniform(0.05, seconds))
            child.kill()
            died = child.wait()
        if made.run(out).state()["state"] == "finished":  # it was quicker than its killer
            return lost(made, out)
        if died.code != -signal.SIGKILL:
            return f"ended with {died.code}: {died.said[-300:]}"
    reached = made.last_step(out)
    ended = made.finish(out)
    if ended.code:
        return f"went on to {ended.code}: {ended.said[-300:]}"
    return lost_since(made, out, reached)


def lost_since(made: Bench, out: str, reached: int) -> str:
    """Say what a run that was resumed lost: more steps than lie between two saves, or more."""
    resumed = made.run(out).attempts()[-1].get("resumed", [])
    went_on = next((one["step"] for one in resumed if one["phase"] == "fine-tuning"), 0)
    if reached - went_on > INTERVAL:
        return f"went on after step {went_on} of {reached}"
    return lost(made, out)


def lost(made: Bench, out: str) -> str:
    """Say what a run lacks of the weights and logged steps of the one never killed."""
    if made.model_hash(out) != made.model_hash("whole"):
        return "other weights"
    return "" if logged(made.run(out)) == logged(made.run("whole")) else "other logged rows"


def dying_inside_a_save(chance: random.Random) -> Callable[[], None]:
    """Make what has a process die at a random instant of one of its saves."""
    which = chance.randrange(TRAINING["max_steps"] // INTERVAL)  # type: ignore[operator]
    delay = chance.uniform(0, 0.02)

    def prepare() -> None:
        write, count = Store.write, iter(range(1000))

        def dying(self: Store, *given: object, **named: object) -> Path:
            if next(count) == which:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return write(self, *given, **named)  # type: ignore[arg-type]

        Store.write = dying  # type: ignore[method-assign,assignment]

    return prepare


def dying_after_save(which: int) -> Callable[[], None]:
    """Make what has a process die right after its n-th save, from 1."""

    def prepare() -> None:
        write, count = Store.write, iter(range(1, 1000))

        def dying(self: Store, *given: object, **named: object) -> Path:
            path = write(self, *given, **named)  # type: ignore[arg-type]
            if next(count) == which:
                os.kill(os.getpid(), signal.SIGKILL)
            return path

        Store.write = dying  # type: ignore[method-assign,assignment]

    return prepare
