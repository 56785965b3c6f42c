"""What do methods other than full fine-tuning cost, and what do they lose?

python -m benchmarks methods --data FOLDER --rows 2000 --seeds 0 1 2 --methods full lora
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.problems import review_recipe
from benchmarks.processes import in_turn, run_fresh, write


def main() -> None:
    """Run all methods in turn for every seed, forwards then backwards, and compare with the first.

    A method may carry overrides: `top-layers,method.options.n_layers=2`.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv, test.csv")
    parser.add_argument("--rows", type=int, default=2000, help="training rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--label", default="sentiment", help="column with the labels")
    parser.add_argument("--methods", nargs="+", default=["full", "lora", "top-layers"])
    options = parser.parse_args()
    rounds = []
    for number, seed in enumerate(options.seeds):
        order = in_turn(options.methods, number)
        rounds.append({method: run(method, seed, options) for method in order})
    write("methods", {"rounds": rounds, "summary": summarise(rounds, options.methods)})


def run(method: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one method once in a fresh process."""
    name, *overrides = method.split(",")
    recipe = {
        **review_recipe(
            options.data / "train.csv",
            label=options.label,
            test=str(options.data / "test.csv"),
            split={"validation": 0},
            limit={"train": options.rows},
            ignore_findings=["duplicate-across-splits", "conflicting-labels"],
        ),
        "method": name,
        "training": {"num_train_epochs": options.epochs, "use_cpu": True, "seed": seed},
    }
    result = run_fresh("methods.arm", [json.dumps(recipe), *overrides])
    print(json.dumps(result), flush=True)
    return result


def summarise(rounds: list[dict[str, Any]], methods: list[str]) -> dict[str, Any]:
    """Give each method's mean accuracy and its medians of ratios against the first method."""
    first, summary = methods[0], {}
    for method in methods:
        own = [one[method] for one in rounds]
        ratios = {
            key: statistics.median(one[method][key] / one[first][key] for one in rounds)
            for key in ("rows_per_second", "cpu_seconds", "peak_mib")
        }
        gaps = [100 * (one[method]["accuracy"] - one[first]["accuracy"]) for one in rounds]
        summary[method] = {
            "accuracy": [round(100 * one["accuracy"], 2) for one in own],
            "mean_accuracy": statistics.mean(100 * one["accuracy"] for one in own),
            "mean_gap": statistics.mean(gaps),
            "trained_share": own[0]["trained"] / own[0]["parameters"],
            "ratios": ratios,
        }
        told = summary[method]
        print(
            f"{method:40} {told['mean_accuracy']:.2f} % ({told['mean_gap']:+.2f} points)   "
            f"trained {100 * told['trained_share']:.2f} %   speed ×{ratios['rows_per_second']:.2f}"
            f"   memory ×{ratios['peak_mib']:.2f}"
        )
    return summary
