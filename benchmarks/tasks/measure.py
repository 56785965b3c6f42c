"""Are entities and answers found as well as by Hugging Face's own recipes?

python -m benchmarks tasks entities --data FOLDER --seeds 0 1 2
python -m benchmarks tasks answers --data FOLDER --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.models import MINILM
from benchmarks.paired import difference_of, in_points
from benchmarks.processes import write
from benchmarks.tasks import hugging_face
from benchmarks.tasks.score import best_worst, score_answers, score_entities
from luthier.pipeline import run
from luthier.runs import RunFolder

MARGIN = 1.0  # points, set before measuring
RECIPES: dict[str, dict[str, Any]] = {
    "entities": {
        "task": "token-classification",
        "files": {split: f"{split}.conll" for split in ("train", "validation", "test")},
        "training": {"learning_rate": 2e-4, "num_train_epochs": 4},
        "max_tokens": 128,
    },
    "answers": {
        "task": "question-answering",
        "files": {split: f"{split}.json" for split in ("train", "validation", "test")},
        "training": {"learning_rate": 1e-4, "num_train_epochs": 2},
        "max_tokens": 384,
        "stride": 128,
    },
}
ARMS: dict[str, Callable[..., list[Any]]] = {
    "entities": hugging_face.entities,
    "answers": hugging_face.answers,
}


def main() -> None:
    """Train every seed by both programs; score both by the same official code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=RECIPES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", type=Path, help="Where the runs shall lie; else they are lost.")
    options = parser.parse_args()
    score = score_entities if options.question == "entities" else score_answers
    results: list[dict[str, Any]] = []
    for seed in options.seeds:
        for arm in (ours, theirs):
            said, own = arm(options, seed)
            found = {"arm": arm.__name__, "seed": seed, **score(options.data, said), "own": own}
            results.append(found)
            print(json.dumps(found), flush=True)
    for metric in best_worst(options.question):
        pairs = [
            [100 * one[metric] for one in results if one["arm"] == arm]
            for arm in ("ours", "theirs")
        ]
        means = [statistics.mean(values) for values in pairs]
        print(
            f"{metric}: ours {means[0]:.2f}, theirs {means[1]:.2f}, difference "
            f"{in_points(difference_of(*pairs))} (margin {MARGIN})"
        )
    write(f"tasks-{options.question}", {"results": results, "margin": MARGIN})


def ours(options: argparse.Namespace, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """Follow a recipe; with the first seed also fit the baselines."""
    asked = RECIPES[options.question]
    is_first = seed == options.seeds[0]
    with tempfile.TemporaryDirectory() as folder:
        base = options.keep or Path(folder)
        recipe = {
            "model": MINILM,
            "task": asked["task"],
            "data": {
                **{split: str(options.data / name) for split, name in asked["files"].items()},
                "max_tokens": asked["max_tokens"],
                **({"stride": asked["stride"]} if "stride" in asked else {}),
            },
            "training": {
                **asked["training"],
                **hugging_face.SHARED,
                "load_best_model_at_end": False,
                "eval_strategy": "no",
                "seed": seed,
            },
            **({} if is_first else {"baselines": []}),
        }
        done = run(recipe, out=base / f"{options.question}-{seed}")
        lines = list(RunFolder.open(done.folder).read_predictions())
        said = [line["predictions"]["fine-tuned"]["answer"] for line in lines]
        scores = {
            system: {name: score.value for name, score in of_system.items()}
            for system, of_system in done.scores.items()
        }
        verdicts = [comparison.verdict for comparison in done.comparisons]
        return said, {"scores": scores, "verdicts": verdicts}


def theirs(options: argparse.Namespace, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """Follow Hugging Face's recipe on the same rows, for as many steps."""
    asked = RECIPES[options.question]
    files = {split: options.data / name for split, name in asked["files"].items()}
    return ARMS[options.question](files, asked, seed), {}
