"""What does it cost to save a training, so that it can go on?

python -m benchmarks saving --data FILE.csv --steps 240 --rounds 3

Trains MiniLM with full fine-tuning for so many steps, each arm in its turn within one process:
without saving, at the default interval, and at it beside the training. What counts is how long the
loop waited for its saves, as a share of its own time, and the ratio of the whole times.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.problems import review_recipe
from benchmarks.processes import write
from luthier.pipeline import run
from luthier.records import StepInfo
from luthier.training.checkpoint import Checkpointer

ARMS: dict[str, dict[str, Any]] = {
    "no": {"save_strategy": "no"},
    "auto": {"save_strategy": "auto"},
    "auto, in the background": {"save_strategy": "auto", "save_in_background": True},
}


class Clock:
    """Measures the training and, inside it, the saves."""

    def __init__(self) -> None:
        self.saves: list[float] = []
        self.first = self.last = 0.0

    def __call__(self, info: StepInfo) -> None:
        """Take a step."""
        if info.phase == "fine-tuning" and info.rows:
            self.last = time.monotonic()
            self.first = self.first or self.last


def main() -> None:
    """Train every arm in its turn, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Columns text and sentiment.")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for arm in list(ARMS)[number % 3 :] + list(ARMS)[: number % 3]:
            found.append({"round": number, "arm": arm, **measure(options, arm)})
            print(found[-1], flush=True)
    for arm in ARMS:
        mine = [one for one in found if one["arm"] == arm]
        plain = [one for one in found if one["arm"] == "no"]
        ratio = statistics.median(
            one["seconds"] / other["seconds"] for one, other in zip(mine, plain, strict=True)
        )
        share = statistics.median(sum(one["saves"][:-1]) / one["seconds"] for one in mine)
        longest = max((max(one["saves"], default=0.0) for one in mine), default=0.0)
        print(f"{arm}: time x{ratio:.3f}, waiting {share:.2%}, longest save {longest:.2f} s")
    write("saving", {"results": found})


def measure(options: argparse.Namespace, arm: str) -> dict[str, Any]:
    """Train once; the last save, after the last step, is listed but not part of the time."""
    clock, save = Clock(), Checkpointer.save

    def timed(self: Checkpointer, step: int, **how: Any) -> None:
        begun = time.monotonic()
        save(self, step, **how)
        clock.saves.append(time.monotonic() - begun)

    recipe = {
        **review_recipe(options.data, limit={"validation": 20, "test": 20}, max_tokens=64),
        "training": {"max_steps": options.steps, "eval_strategy": "no", **ARMS[arm]},
        "baselines": [],
    }
    Checkpointer.save = timed  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(recipe, out=Path(folder) / "run", listeners=[clock])
    finally:
        Checkpointer.save = save  # type: ignore[method-assign]
    return {"seconds": clock.last - clock.first, "saves": clock.saves}
