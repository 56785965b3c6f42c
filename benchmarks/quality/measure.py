"""Is a model trained by Luthier as good as the same one trained by HF Trainer?

python benchmarks/quality/measure.py --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parents[1]))
from arms import arguments
from peers import GROUPED
from processes import run_arm, write

ARMS = {"luthier": ("luthier", {}), "trainer-grouped": ("trainer", GROUPED)}
MARGIN = 0.5  # points, set before measuring


def main() -> None:
    """Train every seed by both programs and compare their test accuracies."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    results = [
        run_arm(program, options, name=arm, settings=settings, seed=seed, score=True)
        for seed in options.seeds
        for arm, (program, settings) in ARMS.items()
    ]
    summary = summarise(results)
    for arm, scores in summary["accuracy"].items():
        print(f"{arm:16} {'  '.join(f'{one:.2f}' for one in scores)}  mean {mean(scores):.2f}")
    interval = " to ".join(f"{end:+.2f}" for end in summary["interval"] or ()) or "unknown"
    print(
        f"difference {summary['difference']:+.2f} points over {len(options.seeds)} seeds, "
        f"95 % interval {interval} (margin {MARGIN})"
    )
    write(f"quality-{options.rows or 'all'}", {"results": results, **summary})


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Pair the arms by seed: accuracies in per cent, their mean difference and its interval.

    The interval is Student's over seeds; with one seed there is none.
    """
    accuracy = {
        arm: [100 * one["accuracy"] for one in results if one["arm"] == arm] for arm in ARMS
    }
    differences = [a - b for a, b in zip(*accuracy.values(), strict=True)]
    n_seeds, difference = len(differences), mean(differences)
    interval = None
    if n_seeds > 1:
        error = statistics.stdev(differences) / n_seeds**0.5
        reach = float(t.ppf(0.975, n_seeds - 1)) * error
        interval = [difference - reach, difference + reach]
    return {
        "accuracy": accuracy,
        "difference": difference,
        "interval": interval,
        "margin": MARGIN,
    }


def mean(values: list[float]) -> float:
    """Average numbers."""
    return statistics.mean(values)


if __name__ == "__main__":
    main()
