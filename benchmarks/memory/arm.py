"""Evaluate the rows of a file by a finished run; prints the most memory held, as JSON.

python -m benchmarks.memory.arm RUN FILE.csv
"""

from __future__ import annotations

import json
import sys

import luthier
from benchmarks.watch import peak_mib


def main() -> None:
    """Evaluate what the command line names."""
    n_rows, _ = luthier.load(sys.argv[1]).evaluate(sys.argv[2])
    print(json.dumps({"rows": n_rows, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
