"""Does half a model learn more from labels and a teacher than from the same labels alone?

python -m benchmarks distillation --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import luthier
from benchmarks.models import MINILM
from benchmarks.paired import difference_of, in_points
from benchmarks.problems import review_recipe
from benchmarks.processes import write

ARMS = ("teacher", "plain", "distilled", "distilled-states")


def main() -> None:
    """Train teacher and students of every seed and compare their test accuracies."""
    options = parse()
    settings = {name: str(one) for name, one in vars(options).items() if name != "data"}
    name = f"distillation-{options.rows}"
    results: list[dict[str, Any]] = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            for arm in ARMS:
                results.append(run_arm(arm, seed, Path(folder), options))
                print(results[-1], flush=True)
        write(name, {"settings": settings, "results": results})  # a long measurement may end early
    summary = summarise(results)
    for arm, scores in summary["accuracy"].items():
        told = "  ".join(f"{one:.2f}" for one in scores)
        print(f"{arm:17} {told}  mean {statistics.mean(scores):.2f}")
    for arm, found in summary["over plain"].items():
        print(f"{arm:17} over plain: {in_points(found)}")
    write(name, {"settings": settings, "results": results, **summary})


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv, test.csv")
    parser.add_argument("--rows", type=int, default=2000, help="training rows, drawn by the seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--drop-top", type=int, default=3, help="layers that the students lack")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--temperature", type=float, default=2.0)
    return parser.parse_args()


def run_arm(arm: str, seed: int, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train one model and give its accuracy on the test rows."""
    taught = {
        "teacher": str(folder / "teacher"),
        "alpha": options.alpha,
        "temperature": options.temperature,
        "hidden_states": arm == "distilled-states",
    }
    is_taught = arm.startswith("distilled")
    recipe = {
        **review_recipe(
            options.data / "train.csv",
            test=str(options.data / "test.csv"),
            split={"validation": 0},
            limit={"train": options.rows},
            max_tokens=128,
        ),
        "model": {"name": MINILM, "drop_top": 0 if arm == "teacher" else options.drop_top},
        "method": {"name": "distillation", "options": taught} if is_taught else "full",
        "training": {
            "learning_rate": options.learning_rate,
            "num_train_epochs": options.epochs,
            "per_device_train_batch_size": 16,
            "eval_strategy": "no",
            "save_strategy": "no",
            "use_cpu": True,
            "seed": seed,
        },
        "baselines": [],
    }
    started = time.perf_counter()
    score = luthier.run(recipe, out=folder / arm).scores["fine-tuned"]["accuracy"]
    seconds = round(time.perf_counter() - started, 1)
    return {
        "arm": arm,
        "seed": seed,
        "accuracy": score.value,
        "rows_scored": score.n,
        "seconds": seconds,
    }


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Pair the arms by seed: accuracies in per cent, and what each has over the plain student."""
    accuracy = {
        arm: [100 * one["accuracy"] for one in results if one["arm"] == arm] for arm in ARMS
    }
    plain = accuracy["plain"]
    over = {arm: difference_of(accuracy[arm], plain) for arm in ARMS if arm != "plain"}
    return {"accuracy": accuracy, "over plain": over}
