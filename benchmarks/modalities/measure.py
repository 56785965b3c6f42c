"""Does each input of a row add anything, and what is left of it where inputs are absent?

python -m benchmarks modalities --data FOLDER --part emoji
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.modalities.absence import digits
from benchmarks.modalities.emoji import emoji, speed
from benchmarks.modalities.tables import planted, tables
from benchmarks.processes import write

PARTS = {"emoji": emoji, "digits": digits, "planted": planted, "tables": tables, "speed": speed}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks modalities")
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--speech", help="folder of Google's speech embedding")
    parser.add_argument("--out", type=Path, default=Path("build/modalities"))
    options = parser.parse_args()
    write(f"modalities-{options.part}", PARTS[options.part](options))
