"""R11: each method, killed at a random instant, goes on in another process to the same weights.

The killed process and the one that goes on come from two starters: processes that have imported the
libraries and done nothing else, so that no two share hashes or random states. R5 has each method
killed after a save.

Half of the instants are spread over the time of a run, from the moment it owns its folder (reading,
training, saving, predicting, judging), half over its steps.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tests.torture.exactness import METHODS, bench, differences
from tests.torture.trial import Bench, Started, Starter

TRAINING = {"max_steps": 40, "save_steps": 5, "eval_steps": 10}
MOST_TRIES = 8  # until a kill comes before the end of a run
Trials = list[tuple[str, bool]]
Begin = Callable[[str], Started]


def trials(folder: Path, n: int, *, names: Iterable[str] = METHODS, seed: int = 0) -> Trials:
    """Kill `n` runs of each method; say of each where it died and what it lacks at its end."""
    with Starter() as first, Starter() as second:
        return [
            one
            for name in names
            for one in of_method(folder / name, name, n, starters=(first, second), seed=seed)
        ]


def of_method(
    folder: Path, name: str, n: int, *, starters: tuple[Starter, Starter], seed: int = 0
) -> Trials:
    """Kill `n` runs of a method; say of each where it died and what it lacks at its end.

    Args:
        folder: Where the runs lie.
        name: Of the method.
        n: How many runs.
        starters: Of what is killed, and of what goes on.
        seed: Of the instants.
    """
    made = bench(folder, {"training": TRAINING, **METHODS[name]})
    begin, go_on = (partial(_begin, made, starter) for starter in starters)
    whole = begin("whole").wait()
    if whole.code:
        return [(f"{name}: the whole run ended with {whole.code}: {whole.said[-900:]}", False)] * n
    chance = random.Random(f"{name} {seed}")
    return [
        _trial(made, f"{name} {number}", chance, begin, go_on, by_step=number % 2 == 1)
        for number in range(n)
    ]


def _begin(made: Bench, starter: Starter, out: str) -> Started:
    return starter.begin(made.folder, ["run", str(made.recipe), "--out", out])


def _events(made: Bench, out: str) -> int:
    path = made.run(out).events.path
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _trial(
    made: Bench, name: str, chance: random.Random, begin: Begin, go_on: Begin, *, by_step: bool
) -> tuple[str, bool]:
    seconds = float(made.run("whole").read_json("environment")["seconds"])
    for number in range(MOST_TRIES):
        out = f"{name.replace(' ', '-')}-{number}"
        process = begin(out)
        while not (made.folder / out / "status.json").exists() and not process.is_over():
            time.sleep(0.005)
        if by_step:
            n_events = chance.randrange(_events(made, "whole"))
            while _events(made, out) < n_events and not process.is_over():
                time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.05 if by_step else seconds))
        process.kill()
        process.wait()
        if made.run(out).reached != "finished":
            break
    else:
        return f"{name}: always quicker than its killer", False
    step = made.last_step(out)
    ended = go_on(out).wait()
    if ended.code:
        return f"{name}, killed at step {step}: {ended.code} {ended.said[-300:]}", False
    differs = differences(made, "whole", out)
    return f"{name}, killed at step {step}{': ' * bool(differs)}{', '.join(differs)}", not differs
