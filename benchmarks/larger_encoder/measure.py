"""Does what holds for MiniLM hold for an encoder of BERT-base's size?

python benchmarks/larger_encoder/measure.py --data FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import compare, options_of
from models import BASE

# Eight times the work of MiniLM for each row.
SMALL = {"rows": 64, "epochs": 1, "rounds": 3, "sweep_rows": 32, "sweep_passes": 1}

if __name__ == "__main__":
    parser = options_of(__doc__ or "", model=BASE, **SMALL)
    compare(parser.parse_args(), "larger-encoder")
