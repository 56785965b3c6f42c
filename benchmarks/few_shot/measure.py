"""Does `contrastive` score as well as SetFit on the same draws and steps, and how much faster?

python -m benchmarks few-shot --data FOLDER --label sentiment --peer-python PYTHON

PYTHON is that of an environment with setfit and sentence-transformers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import MINILM
from benchmarks.paired import difference_of, in_points
from benchmarks.problems import review_recipe
from benchmarks.processes import in_turn, run_command, write
from luthier.build_problem import prepare
from luthier.models.load import quietly
from luthier.models.locate import locate
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.training.listeners import follow
from luthier.training.predict import predict

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
            found = {arm: ARMS[arm](job, recipe, options) for arm in in_turn(ARMS, seed)}
        rounds.append({"seed": seed, **found})
        print(json.dumps(rounds[-1]), flush=True)
    summary = summarise(rounds)
    write(f"few-shot-{options.data.name}", {"rounds": rounds, **summary})


def prepare_draw(options: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    """Draw the training rows; the test rows are the same for all seeds."""
    recipe = read_recipe(
        {
            **review_recipe(
                options.data / "train.csv",
                label=options.label,
                test=str(options.data / "test.csv"),
                split={"validation": 0, "seed": 0},
                limit={"test": options.test_rows},
                shots=options.shots,
                ignore_findings=["duplicate-across-splits", "conflicting-labels"],
            ),
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
        "model": locate(MINILM),
        "texts": list(train["text"]),
        "labels": job.problem.codec.gold(train).tolist(),
        "test_texts": list(test["text"]),
        "steps": options.steps,
        "seed": recipe.training.seed,
        "learning_rate": options.peer_rate,
    }
    said = run_command([options.peer_python, str(PEER)], given=json.dumps(given))
    gold = job.problem.codec.gold(test)
    accuracy = float((np.array(said["answers"]) == gold).mean())
    return {"accuracy": accuracy, "seconds": said["seconds"]}


ARMS = {"ours": ours, "peer": peer}


def summarise(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Pair accuracies by draw: the mean difference with Student's interval, and speed."""
    each = {arm: [100 * one[arm]["accuracy"] for one in rounds] for arm in ("ours", "peer")}
    over = difference_of(each["ours"], each["peer"])
    speed = statistics.median(one["peer"]["seconds"] / one["ours"]["seconds"] for one in rounds)
    scores = {arm: statistics.mean(values) for arm, values in each.items()}
    print(
        f"contrastive {scores['ours']:.2f} %, SetFit {scores['peer']:.2f} %: {in_points(over)}, "
        f"over {len(rounds)} draws; speed ×{speed:.2f}"
    )
    return {"accuracy": scores, **over, "speed": speed}
