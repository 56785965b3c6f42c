"""What so many minutes buy, whether they are kept, and whether the recipe as it is was better.

python -m benchmarks minutes --data FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import write
from luthier.budget.candidates import AS_WRITTEN
from luthier.metrics.names import lower_is_better
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from luthier.studies.outcomes import validation_scores

LUTHIER = (sys.executable, "-m", "luthier")
ALLOWED, NEAR = 1.05, 0.15  # of a budget; of a time that was foretold


def phrasebank(data: Path, out: Path) -> Path:
    """Write the sentences of financial news as a table."""
    source = data / "financial-phrasebank" / "Sentences_50Agree.txt"
    lines = [line.rpartition("@") for line in source.read_text("latin-1").splitlines()]
    path = out / "phrasebank.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        table.writerows({text: label for text, _, label in lines}.items())
    return path


SOURCES = {
    "banking77": lambda data, out: data / "banking77",
    "movie-reviews": lambda data, out: data / "movie-reviews",
    "phrasebank": phrasebank,
}


def main() -> None:
    """Measure, and write what came out after each search."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks minutes")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--out", type=Path, required=True, help="folder where runs are kept")
    parser.add_argument("--only", nargs="*", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--minutes", nargs="*", type=float, default=[2, 5, 10])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--plain", action="store_true", help="run the recipe as it is, if need be")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for name in options.only:
        recipe = options.out / f"{name}.yaml"
        if not recipe.exists():
            source = SOURCES[name](options.data, options.out)
            call("init", str(source), "--out", str(recipe))
        for seed in options.seeds:
            for minutes in options.minutes:
                found.append(search(recipe, minutes, seed))
                if options.plain:
                    found[-1] |= plain(recipe, seed, found[-1])
                print(json.dumps(found[-1]), flush=True)
                write("minutes", {"searches": found})


def call(*words: str) -> None:
    """Run a command of Luthier in a process of its own.

    Raises:
        SystemExit: It failed.
    """
    done = subprocess.run([*LUTHIER, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"luthier {' '.join(words)} failed:\n{done.stderr}")


def search(recipe: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Search once; give the time that it took from outside, and what it chose."""
    out = recipe.parent / f"{recipe.stem}-{minutes:g}-{seed}"
    started = time.monotonic()
    asked = (f"training.seed={seed}", "--minutes", f"{minutes:g}", "--out", str(out), "--quiet")
    call("run", str(recipe), *asked)
    seconds = time.monotonic() - started
    about = json.loads((out / "minutes.json").read_text(encoding="utf-8"))
    best = next(one for one in about["tried"] if one["cell"] == about["best"])
    run = RunFolder(out / "best")
    metric = run.read_json("comparison")["main_metric"]
    as_is = [one["score"] for one in about["tried"] if one["name"] == AS_WRITTEN and one["score"]]
    return {
        "data": recipe.stem,
        "minutes": minutes,
        "seed": seed,
        "seconds": round(seconds, 1),
        "is_kept": seconds <= ALLOWED * 60 * minutes,
        "chosen": best["name"],
        "passes": best["passes"],
        "validation": best["score"],
        "as_is": as_is[0] if as_is else None,
        "n_tried": len(about["tried"]),
        "metric": metric,
        "scores": {name: one[metric] for name, one in run.read_json("scores").items()},
    }


def plain(recipe: Path, seed: int, found: dict[str, Any]) -> dict[str, Any]:
    """Run the recipe as it is; say whether the search did worse, and what the run had foretold."""
    out = recipe.parent / f"{recipe.stem}-plain-{seed}"
    if not out.exists():
        call("run", str(recipe), f"training.seed={seed}", "--out", str(out), "--quick", "--quiet")
    run = RunFolder(out)
    made = read_recipe(recipe)
    metric = made.training.metric_for_best_model or found["metric"]
    score = validation_scores(run)[metric]
    sign = -1 if lower_is_better(metric) else 1
    (attempt,) = run.attempts()
    foretold, took = attempt.get("expected_seconds"), run.read_json("environment")["seconds"]
    return {
        "plain": score,
        "is_worse": sign * found["validation"] < sign * score,
        "foretold": foretold,
        "took": took,
        "is_near": foretold is None or abs(foretold / took - 1) <= NEAR,
    }


if __name__ == "__main__":
    main()
