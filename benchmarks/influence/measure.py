"""Do nearest rows and influence find the wrongly labelled row that spoiled an answer?

python -m benchmarks influence --out FOLDER
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.influence.planted import ARMS, FEWEST_WORDS, answers, plant, read, train
from benchmarks.processes import write
from luthier.explaining.explain import answer_rows
from luthier.explaining.head_layers import Traced
from luthier.explaining.neighbours import similarities
from luthier.metrics.intervals import exact_interval
from luthier.reading import without_answers
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.seeding import stream

TOP = 5
BAR = 0.8


def main() -> None:
    """Plant, train with and without, and look for the planted rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the files and runs")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.out / "plan.json").is_file():
        plant(options.out, n_rows=options.rows, seed=options.seed)
    runs = {arm: train(options.out, arm, epochs=options.epochs, seed=options.seed) for arm in ARMS}
    plan = json.loads((options.out / "plan.json").read_text(encoding="utf-8"))
    before, after = answers(runs["clean"]), answers(runs["planted"])
    spoiled = [
        one
        for one in plan
        if after[one["test"]] == one["label"] and before[one["test"]] != one["label"]
    ]
    ranks = ranks_of(runs["planted"], spoiled, seed=options.seed)
    found = {name: share_of(np.array(found)) for name, found in ranks.items()}
    chance = by_chance(options.out, plan, before, after, seed=options.seed)
    print(
        f"{len(plan)} planted, of which {len(spoiled)} spoiled the answer to their test row; "
        f"{chance * len(plan):.0f} would by chance"
    )
    for name, one in found.items():
        low, high = one["interval"]
        print(
            f"{name:24} in the top {TOP}: {one['top']:.1%} ({low:.1%} to {high:.1%}), "
            f"first: {one['first']:.1%}, median rank {one['median']:.0f}"
        )
    about = {
        "planted": len(plan),
        "by_chance": chance,
        "spoiled": len(spoiled),
        "bar": BAR,
        **vars(options),
    }
    write("influence", {**about, "out": str(options.out), "found": found, "ranks": ranks})


def by_chance(
    folder: Path,
    plan: list[dict[str, Any]],
    before: np.ndarray[Any, Any],
    after: np.ndarray[Any, Any],
    *,
    seed: int,
) -> float:
    """Return the share of test rows without a copy that change to a wrong label drawn likewise."""
    pairs = read(folder / "test.csv")
    labels, copied = sorted({label for _, label in pairs}), {one["test"] for one in plan}
    draw, changed = stream(seed, "labels of rows without a copy"), []
    for index, (text, gold) in enumerate(pairs):
        if index not in copied and len(text.split()) >= FEWEST_WORDS:
            wrong = str(draw.choice([label for label in labels if label != gold]))
            changed.append(after[index] == wrong != before[index])
    return float(np.mean(changed))


def ranks_of(run: Path, spoiled: list[dict[str, Any]], *, seed: int) -> dict[str, list[int]]:
    """Rank the planted row among all training rows, 1 is best, for every spoiled test row."""
    folder, predictor = RunFolder.open(run), luthier.load(run)
    test = rows_of_run(folder, folder.recipe(), predictor.task).test
    rows = without_answers(test.take([one["test"] for one in spoiled]), predictor.task)
    model, codec = predictor.model, predictor.codec
    answered = answer_rows(model, codec, rows, batch_size=8)
    evidence = predictor.evidence()
    training, gradients = evidence.training(), evidence.gradients()
    draw = stream(seed, "random ranks")
    ranks: dict[str, list[int]] = {}
    for index, one in enumerate(spoiled):
        (decision,) = answered.decisions(index)
        seen = evidence.trace(decision, answered)
        moved, last = gradients.on(seen), gradients.on(of_last_layer(seen))
        sizes = {
            "nearest rows": similarities(training.traced.vectors, seen.vectors[0]),
            "TracIn, cosine": moved.cosines,
            "TracIn, dot": moved.values,
            "TracIn, dot, last layer": last.values,
            "random": draw.random(len(training.rows)),
        }
        for name, size in sizes.items():
            ranks.setdefault(name, []).append(1 + int((size > size[one["train"]]).sum()))
    return ranks


def of_last_layer(seen: Traced) -> Traced:
    """Keep the slopes of the last layer alone."""
    last = [*seen.slopes][-1]
    return replace(seen, slopes={last: seen.slopes[last]})


def share_of(ranks: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Summarise ranks: how many are in the top, with the exact interval."""
    top = float((ranks <= TOP).mean())
    return {
        "top": top,
        "interval": exact_interval(top, len(ranks), confidence=0.95),
        "first": float((ranks == 1).mean()),
        "median": float(np.median(ranks)),
    }


if __name__ == "__main__":
    main()
