"""Does what holds for MiniLM hold for an encoder of BERT-base's size?

python -m benchmarks larger-encoder --data FOLDER
"""

from __future__ import annotations

from benchmarks.comparison import compare, options_of
from benchmarks.models import BASE

# Eight times the work of MiniLM for each row.
SMALL = {"rows": 64, "epochs": 1, "rounds": 3, "sweep_rows": 32, "sweep_passes": 1}


def main() -> None:
    """Compare as throughput does, on another model."""
    compare(options_of(__doc__ or "", model=BASE, **SMALL).parse_args(), "larger-encoder")
