"""Is a model trained by Luthier as good as the same one trained by HF Trainer?

python benchmarks/quality/measure.py --data FOLDER --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from arms import arguments
from processes import run_arm, write

ARMS = ("luthier", "trainer-grouped")


def main() -> None:
    """Train every seed by both programs and compare their test accuracies."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    results = [run_arm(arm, seed, options, score=True) for seed in options.seeds for arm in ARMS]
    means = {
        arm: statistics.mean(one["accuracy"] for one in results if one["arm"] == arm)
        for arm in ARMS
    }
    difference = 100 * (means["luthier"] - means["trainer-grouped"])
    for arm, mean in means.items():
        print(f"{arm:16} mean accuracy {100 * mean:.2f} over {len(options.seeds)} seeds")
    print(f"difference {difference:+.2f} points (within 0.5 was asked for)")
    write(f"quality-{options.rows or 'all'}", {"results": results, "difference": difference})


if __name__ == "__main__":
    main()
