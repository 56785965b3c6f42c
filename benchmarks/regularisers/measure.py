"""What does each regulariser cost beside the plain training?

python -m benchmarks regularisers --data FILE.csv
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.problems import review_recipe
from benchmarks.processes import in_turn, write
from luthier.build_problem import prepare
from luthier.job import Job
from luthier.models.load import quietly
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.registry import names
from luthier.training.loop import train

PLAIN = "plain"


def main() -> None:
    """Train a few steps with each regulariser, in turn, and compare the median step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a CSV file of reviews")
    parser.add_argument("--label", default="sentiment", help="column with the labels")
    parser.add_argument("--steps", type=int, default=12, help="the first two are not counted")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    arms = (PLAIN, *names("regularisers"))
    jobs = {arm: job_of(options, arm) for arm in arms}
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rounds):
        with quietly():
            seconds = {arm: step_of(jobs[arm]) for arm in in_turn(arms, number)}
        for arm in arms[1:]:
            ratios[arm].append(seconds[arm] / seconds[PLAIN])
        print({arm: round(one, 3) for arm, one in seconds.items()}, flush=True)
    found = {arm: median(ones) for arm, ones in ratios.items()}
    for arm, times in found.items():
        print(f"{arm}: ×{times:.2f} ({min(ratios[arm]):.2f} to {max(ratios[arm]):.2f})")
    write("regularisers", {"ratios": ratios, "median": found})


def job_of(options: argparse.Namespace, arm: str) -> Job:
    """Prepare the same training with one regulariser, or none."""
    training = {
        "max_steps": options.steps,
        "per_device_train_batch_size": options.batch,
        "eval_strategy": "no",
        "save_strategy": "no",
        "bf16": False,
        "use_cpu": True,
    }
    tree: dict[str, Any] = {**review_recipe(options.data, label=options.label)}
    tree |= {"training": training, "regularisers": [] if arm == PLAIN else [arm]}
    recipe = read_recipe(tree)
    return prepare(recipe, make_plugin("tasks", recipe.task)).job


def step_of(job: Job) -> float:
    """Train a new model, and return the seconds of the median step."""
    ends = [time.perf_counter() for info in train(job.session.make_model(True), job) if info.step]
    return median(after - before for before, after in pairwise(ends[2:]))


if __name__ == "__main__":
    main()
