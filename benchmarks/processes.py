"""Run programs in fresh processes, interleaved; gather what they print; compare round by round."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path("build/benchmarks")
Result = dict[str, Any]
Round = dict[str, Result]  # arm to its result
SHARED = (  # options that a program takes over from the measurement
    "data",
    "problem",
    "model",
    "rows",
    "epochs",
    "steps",
    "learning_rate",
    "batch_size",
    "max_tokens",
)


def words_of(options: argparse.Namespace, **changed: Any) -> list[str]:
    """Write the shared options out as words of a command line."""
    asked = {**vars(options), **changed}
    named = {name: asked[name] for name in SHARED if asked.get(name) is not None}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in named.items()]
    return [*words, *(f"--set={one}" for one in asked.get("set") or ())]


def run_fresh(program: str, words: Sequence[str], *, threads: int | None = None) -> Result:
    """Run a program of this package once in a fresh process.

    Args:
        program: Name of the module within this package, such as `engines.arm`.
        words: Words of its command line.
        threads: Threads that PyTorch takes; None leaves it as users have it.
    """
    environment = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", f"{__package__}.{program}", *words]
    return run_command(command, environment=environment)


def run_command(
    command: Sequence[str],
    *,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run a command; the last line that it prints is its result, as JSON.

    Args:
        command: The program and its arguments.
        given: Text for the command's standard input.
        environment: Variables to set over those of this process.
    """
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}{done.stdout}")
    result: Result = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def run_arm(
    arm: str,
    options: argparse.Namespace,
    *,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    score: bool = False,
    checked: bool = False,
    **changed: Any,
) -> Result:
    """Run one arm of a training once.

    Args:
        arm: `luthier`, `trainer` or `bare`.
        options: Of the measurement.
        name: What to call it in results; None: as the arm.
        settings: Of a peer.
        seed: Of head, order and dropout.
        score: Whether to score the test rows.
        checked: Whether Luthier checks the data first.
        changed: Options that are others for this arm.
    """
    words = [arm, *words_of(options, **changed), f"--seed={seed}"]
    words += [f"--settings={json.dumps(dict(settings or {}))}"]
    words += ["--score"] * score + ["--checked"] * checked
    result = run_fresh("arms", words, threads=options.threads)
    result["arm"] = name or arm
    print(json.dumps(result), flush=True)
    return result


def interleave(arms: Mapping[str, Callable[[], Result]], n_rounds: int) -> list[Round]:
    """Run all arms in turn, forwards then backwards."""
    rounds = []
    for number in range(n_rounds):
        done = {arm: arms[arm]() for arm in in_turn(arms, number)}
        rounds.append({arm: done[arm] for arm in arms})
    return rounds


def in_turn(arms: Iterable[str], number: int) -> list[str]:
    """Order the arms of a round: forwards in the first, backwards in the second, and so on."""
    return list(arms) if number % 2 == 0 else list(arms)[::-1]


def median(values: Sequence[float]) -> float:
    """Give the middle one."""
    return statistics.median(values)


def ratios(
    rounds: Sequence[Round], of: str, other: str, keys: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Compare two arms round by round: each key's ratios, and their median."""
    found = {}
    for key in keys:
        each = [one[of][key] / one[other][key] for one in rounds]
        found[key] = {"median": round(median(each), 4), "each": [round(one, 4) for one in each]}
    return found


def write(name: str, content: dict[str, Any], *, told: bool = True) -> None:
    """Keep a measurement in build/benchmarks/.

    Args:
        name: Name of the JSON file, without its ending.
        content: What was measured.
        told: Whether to print where the file is.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if told:
        print(f"wrote {path}")
