"""Do two processes of one thread train faster than one of two, and what does sharding save?

python -m benchmarks several-processes --data FILE.csv --model 12x768

Arms are interleaved, each round in fresh processes. Prints the median seconds of a step, and the
most memory that a process held while it trained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.models import ready_model
from benchmarks.processes import write
from luthier.launch import environment_of, free_port

ARMS = {  # name: processes, threads of each, sharding
    "1 process, 2 threads": (1, 2, "none"),
    "2 processes, 1 thread": (2, 1, "none"),
    "2 processes, 1 thread, sharded": (2, 1, "fsdp"),
    "1 process, 2 threads, no speed-ups": (1, 2, "fsdp"),
}


def main() -> None:
    """Run the arms in rounds, and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Columns text and sentiment.")
    parser.add_argument("--model", default="12x768", help="Layers x width, or what is loaded.")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path("build/benchmarks/several-processes")
    model = ready_model(options.model, folder, texts=[options.data])
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for _ in range(options.rounds):
        for arm, (n, threads, sharding) in ARMS.items():
            words = [
                str(options.data),
                model,
                sharding,
                str(options.steps),
                str(options.batch_size),
            ]
            found[arm].append(run_arm(words, n, threads))
            print(f"{arm}: {found[arm][-1]}", flush=True)
    base = found["1 process, 2 threads"]
    for arm, rounds in found.items():
        ratio = median(
            one["seconds"] / first["seconds"] for one, first in zip(rounds, base, strict=True)
        )
        seconds = median(one["seconds"] for one in rounds)
        peak = median(one["peak_mib"] for one in rounds)
        print(f"{arm}: {seconds:.2f} s a step (x {ratio:.2f}), {peak:,.0f} MiB a process")
    write("several-processes", found)


def run_arm(words: list[str], n: int, threads: int) -> dict[str, float]:
    """Train once; give the slowest process's median step and the largest peak."""
    port = free_port()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.several_processes.arm", *words],
            env={
                **(environment_of(rank, n, port) if n > 1 else os.environ),
                "OMP_NUM_THREADS": str(threads),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(n)
    ]
    told = [json.loads(one.communicate()[0].splitlines()[-1]) for one in started]
    return {name: max(one[name] for one in told) for name in told[0]}


if __name__ == "__main__":
    main()
