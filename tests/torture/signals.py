"""R7: Ctrl-C and SIGTERM finish the step, save, and say how to go on."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from tests.torture.kills import bench as killing_bench
from tests.torture.trial import Bench, Ended

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def bench(folder: Path) -> Bench:
    """Make the bench on which runs are stopped, with a run that never was."""
    return killing_bench(folder)


def trials(made: Bench, n: int, *, seed: int = 0) -> list[str]:
    """Stop `n` runs at random instants; say of each what was not as promised: nothing, if all."""
    chance = random.Random(seed)
    seconds = made.finish("clock").seconds
    return [_trial(made, f"stopped-{number}", number, chance, seconds) for number in range(n)]


def _trial(made: Bench, out: str, number: int, chance: random.Random, seconds: float) -> str:
    which = (signal.SIGINT, signal.SIGTERM)[number % 2]
    is_patient = number % 5 != 4
    name, ended = _stopped(made, out, which, chance, seconds, is_patient=is_patient)
    if ended.code != CODES[which] or "to resume: run the same command" not in ended.said:
        return f"ended with {ended.code}: {ended.said[-200:]}"
    state = made.run(name).state()["state"]
    if state != "interrupted":
        return f"says that it is {state}"
    step = made.last_step(name)
    newest, problems = made.run(name).checkpoints("fine-tuning").newest()
    if problems:
        return problems[0]
    if is_patient and step and (newest is None or newest.step < step):
        return f"was not saved after step {step}"
    gone_on = made.finish(name)
    if gone_on.code:
        return f"went on to {gone_on.code}: {gone_on.said[-200:]}"
    return "" if made.model_hash(name) == made.model_hash("whole") else "other weights"


def _stopped(
    made: Bench,
    out: str,
    which: signal.Signals,
    chance: random.Random,
    seconds: float,
    *,
    is_patient: bool,
) -> tuple[str, Ended]:
    """Begin runs until one is stopped before its end."""
    attempt = 0
    while True:
        name = f"{out}-{attempt}"
        child = made.begin(name)
        while not made.run(name).attempts() and not child.is_over():
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.7 * seconds))
        if not child.is_over():
            child.kill(which)
        if not is_patient:
            time.sleep(0.01)
            if not child.is_over():
                child.kill(which)
        ended = child.wait()
        if made.run(name).state()["state"] != "finished":
            return name, ended
        attempt += 1
