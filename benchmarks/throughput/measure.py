"""Is Luthier's training slower than HF Trainer's at its best, and does it need more memory?

python benchmarks/throughput/measure.py --data FOLDER --rows 1000 --rounds 4
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from arms import ARMS, arguments
from figure import draw
from processes import FOLDER, run_arm, write


def main() -> None:
    """Run all arms in turn, forwards then backwards, and compare them round by round."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        order = list(ARMS) if number % 2 == 0 else list(ARMS)[::-1]
        rounds.append({arm: run_arm(arm, 0, options, score=False) for arm in order})
    ratios = {}
    for other in ARMS:
        ratios[other] = {
            key: statistics.median(one["luthier"][key] / one[other][key] for one in rounds)
            for key in ("rows_per_second", "cpu_seconds", "peak_mib")
        }
        speed = statistics.median(one[other]["rows_per_second"] for one in rounds)
        ratio = ratios[other]
        print(
            f"{other:16} {speed:7.1f} rows/s   Luthier against it: speed ×"
            f"{ratio['rows_per_second']:.2f}, CPU time ×{ratio['cpu_seconds']:.2f}, "
            f"peak memory ×{ratio['peak_mib']:.2f}"
        )
    write("throughput", {"rounds": rounds, "median_ratios": ratios})
    draw(rounds, FOLDER / "throughput.svg")


if __name__ == "__main__":
    main()
