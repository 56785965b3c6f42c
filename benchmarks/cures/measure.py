"""What cures of over-fitting do to the log loss of test rows, and to its gap from training rows.

python -m benchmarks cures --out FOLDER --data FOLDER --only phrasebank
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.models import MINILM
from benchmarks.processes import write
from luthier.evaluation.judge import SYSTEM
from luthier.metrics.intervals import bootstrap
from luthier.prediction.predictor import load
from luthier.recipe.load import read_recipe
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.studies.ablate import AS_IS, arms_of, plan_ablation
from luthier.studies.outcomes import SystemScores, read_systems
from luthier.studies.statistics import Estimate, estimate, pairs
from luthier.studies.trial import Cost, Trial

ADDED = ("r-drop", "ema", "training.label_smoothing_factor=0.1")
LOSS, ACCURACY = "log_loss", "accuracy"
CONFIDENCE = 0.95
N_TRAIN = 500  # training rows on which the cost of training rows is measured
Recipe = dict[str, Any]
ByArm = dict[str, list[SystemScores]]


def acl_arc(data: Path, folder: Path) -> Recipe:
    """Why a paper is cited: six classes, 1,688 rows."""
    files = {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"}
    return recipe_of({split: data / "acl-arc" / name for split, name in files.items()}, epochs=4)


def chemprot(data: Path, folder: Path) -> Recipe:
    """How a chemical acts on a protein: thirteen classes, 500 of the rows."""
    files = {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"}
    limit = {"train": 500, "validation": 150, "test": 800}
    sources = {split: data / "chemprot" / name for split, name in files.items()}
    return recipe_of(sources, epochs=6, limit=limit)


def phrasebank(data: Path, folder: Path) -> Recipe:
    """What a sentence of financial news means for a share: three classes, 200 of the rows."""
    source = data / "financial-phrasebank" / "Sentences_50Agree.txt"
    path = folder / "phrasebank.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for line in source.read_text(encoding="latin-1").splitlines():
            text, _, label = line.rpartition("@")
            writer.writerow((text, label))
    limit = {"train": 200, "validation": 100, "test": 800}
    return recipe_of({"train": path}, epochs=8, limit=limit)


PROBLEMS: dict[str, Callable[[Path, Path], Recipe]] = {
    "phrasebank": phrasebank,
    "chemprot": chemprot,
    "acl-arc": acl_arc,
}


def recipe_of(
    files: dict[str, Path], *, epochs: int, limit: dict[str, int] | None = None
) -> Recipe:
    """Write the recipe that is changed."""
    return {
        "model": MINILM,
        "task": "text-classification",
        "data": {
            **{split: str(path) for split, path in files.items()},
            "limit": limit or {},
            "ignore_findings": ["duplicate-across-splits", "conflicting-labels"],
        },
        "training": {
            "num_train_epochs": epochs,
            "learning_rate": 1e-4,
            "per_device_train_batch_size": 16,
        },
        "baselines": [],
        "evaluation": {"explained_rows": 0},
    }


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the ablation, then score its models on training rows too."""
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = PROBLEMS[name](options.data, options.out)
    place = options.out / f"{name}-ablation"
    study = luthier.ablate(
        recipe,
        add=ADDED,
        n_seeds=options.seeds,
        out=place,
        name=name,
        keep_models=True,
        on_trial=lambda _, number, trial, outcome: print(number, trial.name, flush=True),
    )
    print(*study.sentences, sep="\n", flush=True)
    base = read_recipe(recipe, [])
    arms = arms_of(base, add=ADDED, drop=())
    plan = plan_ablation(base, arms, levels=[""], seeds=range(options.seeds), name=name)
    found: dict[str, ByArm] = {
        LOSS: {},
        ACCURACY: {},
        f"gap of {LOSS}": {},
        f"gap of {ACCURACY}": {},
    }
    for trial in plan.trials:
        for metric in (LOSS, ACCURACY):
            test, train = scores_of(trial, place / "cells" / trial.name, metric)
            found[metric].setdefault(trial.arm, []).append(test)
            found[f"gap of {metric}"].setdefault(trial.arm, []).append(apart(test, train, metric))
    return {
        "sentences": study.sentences,
        "costs": {line.arm: line.costs for line in study.lines},
        **{title: told(title, by_arm) for title, by_arm in found.items()},
    }


def scores_of(trial: Trial, place: Path, metric: str) -> tuple[SystemScores, SystemScores]:
    """Score a run's model on its test rows and on training rows."""
    folder = RunFolder.open(place)
    (test,) = [
        one
        for one in read_systems(trial, folder, metric=metric, cost=Cost())
        if one.system == SYSTEM
    ]
    predictor = load(place)
    rows = rows_of_run(folder, folder.recipe(), predictor.task).train
    rows = rows.take(range(min(N_TRAIN, len(rows))))
    measure_of = predictor.codec.measure(predictor.codec.gold(rows), predictor.predict(rows))
    drawn = bootstrap(measure_of, len(rows), n_resamples=len(test.resampled), seed=1)[metric]
    values = dict(measure_of(np.ones(len(rows))))
    return test, replace(test, values=values, resampled=drawn, n_test=len(rows))


def apart(test: SystemScores, train: SystemScores, metric: str) -> SystemScores:
    """Say by how much test rows fare worse than training rows; less is better, as of a loss."""
    sign = 1.0 if metric == LOSS else -1.0
    value = sign * (test.values[metric] - train.values[metric])
    return replace(test, values={LOSS: value}, resampled=sign * (test.resampled - train.resampled))


def told(title: str, by_arm: ByArm) -> dict[str, Any]:
    """Print what each arm came to, and how it differs from the recipe as it is."""
    metric = ACCURACY if title == ACCURACY else LOSS
    found: dict[str, Any] = {}
    compared = pairs({"": by_arm}, metric, confidence=CONFIDENCE, reference=AS_IS)
    for arm, systems in by_arm.items():
        values = [one.values[metric] for one in systems]
        score = estimate(
            np.array(values), np.stack([one.resampled for one in systems]), confidence=CONFIDENCE
        )
        found[arm] = {"score": asdict(score), "values": values}
        print(f"{title:18} {arm:48} {shown(score)}", flush=True)
    for pair in compared:
        found[pair.first]["better by"] = {**asdict(pair.difference), "p_adjusted": pair.p_adjusted}
        better = f"better by {shown(pair.difference)} p {pair.p_adjusted:.2g}"
        print(f"{title:18} {pair.first:48} {better}", flush=True)
    return found


def shown(one: Estimate) -> str:
    """Write an estimate with its interval."""
    return f"{one.mean:+.4f} ({one.low:+.4f} to {one.high:+.4f}), {one.n_seeds} seeds"


def main() -> None:
    """Measure the problems that were asked for, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder where studies are kept")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--only", nargs="*", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in options.only:
        print(f"-- {name}: {PROBLEMS[name].__doc__}", flush=True)
        write(f"cures-{name}", measure(name, options))


if __name__ == "__main__":
    main()
