"""Are texts told that fit no label, and does that beat maximum probability alone?

BANKING77 with labels held out: their rows are no label's in validation and test, and are not
learned. Each draw holds other labels out.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

import luthier
from benchmarks.models import MINILM
from luthier.runs import RunFolder
from luthier.seeding import stream

OTHER = "out of scope"
METRICS = ("auroc", "f1_outside", "in_scope_accuracy", "coverage", "answered_accuracy")


def main() -> None:
    """Hold labels out, train, and say what each score is worth."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--data", type=Path, required=True, help="Folder with banking77/.")
    words.add_argument("--method", default="linear-probe")
    words.add_argument("--held-out", type=int, default=15, help="Labels of each draw.")
    words.add_argument("--draws", type=int, default=3)
    words.add_argument("--shots", type=int, default=30, help="Training rows of each label.")
    words.add_argument("--validation", type=int, default=15, help="Validation rows of each label.")
    words.add_argument("--test", type=int, default=40, help="Test rows of each label.")
    words.add_argument("--pooling", default="mean", help="How tokens become one vector.")
    words.add_argument("--out", type=Path, default=None)
    asked = words.parse_args()
    out = asked.out or Path(tempfile.mkdtemp())
    train, test = (read(asked.data / "banking77" / f"{one}.csv") for one in ("train", "test"))
    for draw in range(asked.draws):
        found = measure(asked, out / f"draw-{draw}", train, test, draw)
        print(json.dumps(found), flush=True)


def read(path: Path) -> list[dict[str, str]]:
    """Read rows of `text` and `category`."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measure(asked, folder: Path, train, test, draw: int):
    """Run one draw of held-out labels."""
    random = stream(draw, "held out")
    labels = sorted({row["category"] for row in train})
    held_out = set(random.choice(labels, asked.held_out, replace=False).tolist())
    of_label = defaultdict(list)
    for index in random.permutation(len(train)):
        of_label[train[index]["category"]].append(train[index])
    n_valid = asked.validation
    tested: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in test:
        tested[row["category"]].append(row)
    parts = {
        "train": [r for one in labels for r in of_label[one][n_valid : n_valid + asked.shots]],
        "validation": [r for one in labels for r in of_label[one][:n_valid]],
        "test": [r for one in labels for r in tested[one][: asked.test]],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in parts.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            for row in rows:
                label = OTHER if row["category"] in held_out else row["category"]
                if split != "train" or label != OTHER:
                    writer.writerow((row["text"], label))
    recipe = {
        "model": {"name": MINILM, "pooling": asked.pooling},
        "task": "text-classification",
        "data": {split: str(folder / f"{split}.csv") for split in parts},
        "method": asked.method,
        "training": {"seed": draw},
        "baselines": [],
        "evaluation": {"reject": OTHER, "explained_rows": 0},
    }
    recipe["data"]["ignore_findings"] = ["duplicate-across-splits", "near-duplicate-across-splits"]
    done = luthier.run(recipe, out=folder / "run")
    document = RunFolder.open(done.folder).read_json("rejection")
    held = luthier.load(done.folder).target.rejection
    step = held.rules[held.chosen].at_least(0.95)
    return {
        "draw": draw,
        "chosen": document["chosen"],
        "n_test": document["n_test"],
        "n_outside": document["n_outside"],
        "scores": {
            name: {metric: spelled(one["metrics"][metric]) for metric in METRICS}
            for name, one in document["test"].items()
        },
        "chosen_less_baseline": {
            metric: spelled(one)
            for metric, one in document["test"][document["chosen"]]["less_baseline"].items()
        },
        "precision_95": None if step is None else on_test(done.folder, folder / "test.csv"),
    }


def spelled(one) -> str:
    """Write a value with its interval, in points."""
    return f"{100 * one['value']:.1f} ({100 * one['low']:.1f} to {100 * one['high']:.1f})"


def on_test(run: str, path: Path) -> dict[str, float]:
    """Answer the test rows at a precision of 95 %: how many, and how many rightly."""
    rows = read(path)
    answers = luthier.load(run, min_precision=0.95)([row["text"] for row in rows])
    given = np.array(["instead_of" not in one for one in answers])
    right = np.array([one["label"] == row["label"] for one, row in zip(answers, rows, strict=True)])
    return {
        "answered": int(given.sum()),
        "of": len(rows),
        "right": round(float(right[given].mean()), 4),
    }


if __name__ == "__main__":
    main()
