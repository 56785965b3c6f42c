"""Whether rows without labels make a model better, with 10 labels a class and 2,000 such rows.

python -m benchmarks self-training --data FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.models import MINILM
from benchmarks.paired import difference_of, in_points
from benchmarks.processes import write
from luthier.methods.self_training import ALONE
from luthier.runs import RunFolder

N_LABELS, N_UNLABELLED, N_VALIDATION, N_TEST = 10, 2000, 100, 500
METRIC = "macro_f1"
TRAINING = {
    "num_train_epochs": 20,
    "learning_rate": 1e-4,
    "eval_strategy": "steps",
    "eval_steps": 20,
}
SPLITS = ("train", "validation", "test")
Row = dict[str, str]


def movie_reviews(data: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """Read snippets of reviews: rows to draw from, validation rows and test rows."""
    return tuple(_table(data / "movie-reviews" / f"{split}.csv") for split in SPLITS)  # type: ignore[return-value]


def _table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{"text": row["text"], "label": row["sentiment"]} for row in csv.DictReader(file)]


def phrasebank(data: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """Read sentences of financial news: rows to draw from, validation rows and test rows."""
    source = data / "financial-phrasebank" / "Sentences_50Agree.txt"
    lines = [line.rpartition("@") for line in source.read_text("latin-1").splitlines()]
    known = {text: label for text, _, label in lines}
    rows = [{"text": text, "label": label} for text, label in known.items()]
    rows = [rows[index] for index in np.random.default_rng(0).permutation(len(rows))]
    n_judged = N_VALIDATION + N_TEST
    return rows[n_judged:], rows[:N_VALIDATION], rows[N_VALIDATION:n_judged]


PROBLEMS = {"movie-reviews": movie_reviews, "phrasebank": phrasebank}


def drawn(rows: list[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """Draw labelled rows, as many of each class, and others without their labels."""
    order = np.random.default_rng(seed).permutation(len(rows))
    left = dict.fromkeys({row["label"] for row in rows}, N_LABELS)
    labelled, others = [], []
    for row in (rows[index] for index in order):
        if left[row["label"]] > 0:
            left[row["label"]] -= 1
            labelled.append(row)
        elif len(others) < N_UNLABELLED:
            others.append({"text": row["text"]})
    return labelled, others


def one_seed(splits: Sequence[list[Row]], out: Path, threshold: float, seed: int) -> dict[str, Any]:
    """Train with one draw; give both scores and what the run said."""
    pool, validation, test = splits
    train, unlabelled = drawn(pool, seed)
    rows = {"train": train, "unlabelled": unlabelled, "validation": validation, "test": test}
    recipe = {
        "model": MINILM,
        "task": {"name": "text-classification", "options": {"main_metric": METRIC}},
        "data": {
            "train": "memory:train",
            "limit": {"validation": N_VALIDATION, "test": N_TEST},
            "max_tokens": 64,
            "ignore_findings": ["duplicate-across-splits"],
        },
        "method": {"name": "self-training", "options": {"threshold": threshold}},
        "training": {**TRAINING, "seed": seed},
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
    asked.add_argument("--problem", choices=PROBLEMS, default="phrasebank")
    asked.add_argument("--threshold", type=float, default=0.6)
    asked.add_argument("--seeds", type=int, default=5)
    options = asked.parse_args()
    splits, found = PROBLEMS[options.problem](options.data), []
    for seed in range(options.seeds):
        found.append(one_seed(splits, options.out, options.threshold, seed))
        said = f"seed {seed}: {found[-1]['without']:.3f} without, {found[-1]['with']:.3f} with"
        print(said, flush=True)
        for message in found[-1]["told"]:
            print(f"  {message}")
    gain = difference_of(*([100 * one[arm] for one in found] for arm in ("with", "without")))
    print(f"{in_points(gain)}, {len(found)} seeds")
    write("self-training", {"seeds": found, "gain": gain})


if __name__ == "__main__":
    main()
