"""Whether rows without labels make a model better, with 10 labels a class and 2,000 such rows.

python -m benchmarks self-training --data FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.models import MINILM
from benchmarks.paired import difference_of, in_points
from benchmarks.processes import write
from luthier.methods.self_training import ALONE
from luthier.runs import RunFolder

N_LABELS, N_UNLABELLED, N_VALIDATION, N_TEST = 10, 2000, 100, 800
METRIC = "accuracy"
Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Read the rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def drawn(rows: list[Row], label: str, seed: int) -> tuple[list[Row], list[Row]]:
    """Draw labelled rows, as many of each class, and others without their labels."""
    order = np.random.default_rng(seed).permutation(len(rows))
    left = dict.fromkeys({row[label] for row in rows}, N_LABELS)
    labelled, others = [], []
    for row in (rows[index] for index in order):
        if left[row[label]] > 0:
            left[row[label]] -= 1
            labelled.append(row)
        elif len(others) < N_UNLABELLED:
            others.append({"text": row["text"]})
    return labelled, others


def one_seed(data: Path, out: Path, label: str, threshold: float, seed: int) -> dict[str, Any]:
    """Train with one draw; give both scores and what the run said."""
    train, unlabelled = drawn(read(data / "train.csv"), label, seed)
    rows: dict[str, Any] = {
        "train": train,
        "unlabelled": unlabelled,
        "validation": read(data / "validation.csv"),
        "test": read(data / "test.csv"),
    }
    recipe = {
        "model": MINILM,
        "task": "text-classification",
        "data": {
            "train": "memory:train",
            "columns": {"text": "text", "label": label},
            "limit": {"validation": N_VALIDATION, "test": N_TEST},
            "max_tokens": 64,
            "ignore_findings": ["duplicate-across-splits"],
        },
        "method": {"name": "self-training", "options": {"threshold": threshold}},
        "training": {"num_train_epochs": 20, "learning_rate": 1e-4, "seed": seed},
        "baselines": ["majority"],
        "evaluation": {"explained_rows": 0},
    }
    folder = out / f"seed-{seed}"
    if not (folder / "scores.json").is_file():
        luthier.run(recipe, out=folder, data=rows)
    run = RunFolder(folder)
    scores = run.read_json("scores")
    told = [str(event["message"]) for event in run.events.read() if event.get("is_lasting")]
    return {
        "seed": seed,
        "with": scores["fine-tuned"][METRIC]["value"],
        "without": scores[ALONE][METRIC]["value"],
        "told": told,
    }


def main() -> None:
    """Train with every seed, and estimate the gain."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--label", default="sentiment")
    asked.add_argument("--threshold", type=float, default=0.8)
    asked.add_argument("--seeds", type=int, default=5)
    options = asked.parse_args()
    found = []
    for seed in range(options.seeds):
        folder = options.data / "movie-reviews"
        found.append(one_seed(folder, options.out, options.label, options.threshold, seed))
        print(f"seed {seed}: {found[-1]['without']:.3f} without, {found[-1]['with']:.3f} with")
        for message in found[-1]["told"]:
            print(f"  {message}")
    gain = difference_of(*([100 * one[arm] for one in found] for arm in ("with", "without")))
    print(f"{in_points(gain)}, {len(found)} seeds")
    write("self-training", {"seeds": found, "gain": gain})


if __name__ == "__main__":
    main()
