"""Train a few steps as one of several processes; prints seconds a step and the peak, as JSON.

python -m benchmarks.several_processes.arm FILE.csv MODEL SHARDING STEPS BATCH
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from statistics import median

from benchmarks.problems import review_recipe
from luthier import process
from luthier.build_problem import prepare
from luthier.distributed.group import joined
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.training.loop import train


def main() -> None:
    """Train what the command line names."""
    file, model, sharding, steps, batch = sys.argv[1:]
    training = {
        "max_steps": int(steps),
        "per_device_train_batch_size": int(batch),
        "sharding": sharding,
        "eval_strategy": "no",
        "save_strategy": "no",
        "bf16": False,
    }
    recipe = read_recipe({**review_recipe(file), "model": model, "training": training})
    with joined():
        job = prepare(recipe, make_plugin("tasks", recipe.task)).job
        ends, peak = [], 0.0
        for info in train(job.session.make_model(True), job):
            if info.step == 1:  # what building the model took is not the training's
                process.reset_peak_memory()
            if info.step:
                ends.append(time.monotonic())
                peak = process.peak_memory_mib()
    seconds = [after - before for before, after in pairwise(ends[1:])]
    print(json.dumps({"seconds": round(median(seconds), 3), "peak_mib": peak}))


if __name__ == "__main__":
    main()
