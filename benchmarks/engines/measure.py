"""Is a model as good by TensorFlow as by PyTorch, and how fast, against KerasHub's own `fit`?

python benchmarks/engines/measure.py --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import json
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parents[1]))
from arms import arguments
from engines.arm import ARMS
from processes import Round, median, ratios, run_fresh, words_of, write

import luthier.environment

KEYS = ("seconds", "cpu_seconds", "peak_mib", "rows_per_second")


def main() -> None:
    """Train every seed by all arms, in turn, and compare."""
    parser = arguments(__doc__ or "", epochs=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    options = parser.parse_args()
    rounds: list[Round] = []
    for number, seed in enumerate(options.seeds):
        order = options.arms if number % 2 == 0 else options.arms[::-1]
        done = {arm: run(arm, seed, options) for arm in order}
        rounds.append({arm: done[arm] for arm in options.arms})
    summary = summarise(rounds)
    for line in lines(summary):
        print(line)
    about = {"machine": luthier.environment.describe(), "rows": options.rows}
    write("engines", {"summary": summary, "rounds": rounds, "about": about})


def run(arm: str, seed: int, options: Any) -> dict[str, Any]:
    """Run an arm once in a fresh process."""
    words = [arm, *words_of(options), f"--seed={seed}"]
    found = run_fresh("engines/arm.py", words, threads=options.threads)
    print(json.dumps(found), flush=True)
    return found


def summarise(rounds: list[Round]) -> dict[str, Any]:
    """Give accuracies, the engines' paired difference in points, and TensorFlow's ratios."""
    arms = list(rounds[0])
    accuracy = {arm: [100 * one[arm]["accuracy"] for one in rounds] for arm in arms}
    pairs = zip(accuracy["tensorflow"], accuracy["torch"], strict=True)
    differences = [one - other for one, other in pairs]
    mean, interval = statistics.mean(differences), None
    if len(differences) > 1:
        reach = float(t.ppf(0.975, len(differences) - 1)) * statistics.stdev(differences)
        reach /= len(differences) ** 0.5
        interval = [mean - reach, mean + reach]
    against = partial(ratios, rounds, "tensorflow", keys=KEYS)
    return {
        "accuracy": accuracy,
        "difference": mean,
        "interval": interval,
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
    ends = " to ".join(f"{end:+.2f}" for end in summary["interval"] or ()) or "unknown"
    told.append(f"tensorflow minus torch {summary['difference']:+.2f} points, 95 % interval {ends}")
    return told


if __name__ == "__main__":
    main()
