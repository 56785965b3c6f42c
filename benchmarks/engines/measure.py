"""Is a model as good by TensorFlow as by PyTorch, and how fast, against KerasHub's own `fit`?

python -m benchmarks engines --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import luthier.environment
from benchmarks.arms import arguments
from benchmarks.engines.arm import ARMS
from benchmarks.paired import difference_of, in_points
from benchmarks.processes import Round, in_turn, median, ratios, run_fresh, words_of, write

KEYS = ("seconds", "cpu_seconds", "peak_mib", "rows_per_second")


def main() -> None:
    """Train every seed by all arms, in turn, and compare."""
    parser = arguments(__doc__ or "", epochs=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    options = parser.parse_args()
    rounds: list[Round] = []
    for number, seed in enumerate(options.seeds):
        done = {arm: run(arm, seed, options) for arm in in_turn(options.arms, number)}
        rounds.append({arm: done[arm] for arm in options.arms})
    summary = summarise(rounds)
    for line in lines(summary):
        print(line)
    about = {"machine": luthier.environment.describe(), "rows": options.rows}
    write("engines", {"summary": summary, "rounds": rounds, "about": about})


def run(arm: str, seed: int, options: Any) -> dict[str, Any]:
    """Run an arm once in a fresh process."""
    words = [arm, *words_of(options), f"--seed={seed}"]
    found = run_fresh("engines.arm", words, threads=options.threads)
    print(json.dumps(found), flush=True)
    return found


def summarise(rounds: list[Round]) -> dict[str, Any]:
    """Give accuracies, the engines' paired difference in points, and TensorFlow's ratios."""
    arms = list(rounds[0])
    accuracy = {arm: [100 * one[arm]["accuracy"] for one in rounds] for arm in arms}
    against = partial(ratios, rounds, "tensorflow", keys=KEYS)
    return {
        "accuracy": accuracy,
        **difference_of(accuracy["tensorflow"], accuracy["torch"]),
        "medians": {
            arm: {key: median([one[arm][key] for one in rounds]) for key in KEYS} for arm in arms
        },
        "tensorflow_against": {arm: against(arm) for arm in arms if arm != "tensorflow"},
    }


def lines(summary: dict[str, Any]) -> list[str]:
    """Write the summary out."""
    told = []
    for arm, scores in summary["accuracy"].items():
        found = summary["medians"][arm]
        ratio = summary["tensorflow_against"].get(arm)
        beside = f"   TensorFlow takes ×{ratio['seconds']['median']:.2f} of it" if ratio else ""
        told.append(
            f"{arm:11} {'  '.join(f'{one:.2f}' for one in scores)}   "
            f"{found['rows_per_second']:.1f} rows/s, {found['peak_mib']:.0f} MiB{beside}"
        )
    return [*told, f"tensorflow minus torch {in_points(summary)}"]
