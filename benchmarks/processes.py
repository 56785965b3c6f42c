"""Run arms in fresh processes, interleaved, and gather what they print."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path("build/benchmarks")


def run_arm(arm: str, seed: int, options: argparse.Namespace, *, score: bool) -> dict[str, Any]:
    """Run one arm once; its last line of output is its result."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("arms.py")),
        arm,
        f"--data={options.data}",
        f"--seed={seed}",
        f"--epochs={options.epochs}",
        f"--learning-rate={options.learning_rate}",
        f"--batch-size={options.batch_size}",
    ]
    if options.rows:
        command.append(f"--rows={options.rows}")
    if score:
        command.append("--score")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arm} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps(result), flush=True)
    return result


def write(name: str, content: dict[str, Any]) -> None:
    """Keep a measurement in build/benchmarks/."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
