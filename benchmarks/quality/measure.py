"""Is a model trained by Luthier as good as the same one trained by HF Trainer?

python -m benchmarks quality --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.arms import arguments
from benchmarks.paired import difference_of, in_points
from benchmarks.peers import GROUPED
from benchmarks.processes import run_arm, write

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
        told = "  ".join(f"{one:.2f}" for one in scores)
        print(f"{arm:16} {told}  mean {statistics.mean(scores):.2f}")
    n_seeds = len(options.seeds)
    print(f"difference over {n_seeds} seeds: {in_points(summary)} (margin {MARGIN})")
    write(f"quality-{options.rows or 'all'}", {"results": results, **summary})


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Pair the arms by seed: accuracies in per cent, their mean difference and its interval."""
    accuracy = {
        arm: [100 * one["accuracy"] for one in results if one["arm"] == arm] for arm in ARMS
    }
    return {"accuracy": accuracy, **difference_of(*accuracy.values()), "margin": MARGIN}
