"""R7: Ctrl-C and SIGTERM finish the step, save, and say how to go on."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from tests.torture.kills import bench as killing_bench
from tests.torture.trial import Bench

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def bench(folder: Path) -> Bench:
    """Make the bench on which runs are stopped, with a run that never was."""
    return killing_bench(folder)


def trials(made: Bench, n: int, *, seed: int = 0) -> list[bool]:
    """Stop `n` runs at random instants; say of each whether it ended and went on as promised."""
    chance = random.Random(seed)
    seconds = made.finish("clock").seconds
    return [_trial(made, f"stopped-{number}", number, chance, seconds) for number in range(n)]


def _trial(made: Bench, out: str, number: int, chance: random.Random, seconds: float) -> bool:
    which = (signal.SIGINT, signal.SIGTERM)[number % 2]
    for attempt in range(20):
        name = f"{out}-{attempt}"
        child = made.begin(name)
        while not (made.folder / name / "status.json").exists() and not child.is_over():
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.7 * seconds))
        if not child.is_over():
            child.kill(which)
            if number % 5 == 4:  # an impatient user
                time.sleep(0.01)
                if not child.is_over():
                    child.kill(which)
            break
        child.wait()
    ended = child.wait()
    if ended.code == 0:
        return False
    stopped = ended.code == CODES[which] and "Stopped" in ended.said
    step, store = made.last_step(name), made.run(name).checkpoints("fine-tuning")
    newest, problems = store.newest()
    is_patient = number % 5 != 4
    complete = not problems and (
        not is_patient or step == 0 or (newest is not None and newest.step >= step)
    )
    state = made.run(name).state()["state"]
    went_on = made.finish(name).code == 0 and made.model_hash(name) == made.model_hash("whole")
    return stopped and complete and state == "interrupted" and went_on
