"""Does evaluating more rows need more memory?

python -m benchmarks memory --data FILE.csv --rows 2000 20000

Trains a small linear probe once, then evaluates ever more rows (the file's, over and over), each in
a fresh process, and prints the most memory that each process held.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
from pathlib import Path

import luthier
from benchmarks.problems import review_recipe
from benchmarks.processes import run_fresh, write


def main() -> None:
    """Evaluate and compare peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Columns text and sentiment.")
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    peaks: dict[int, list[float]] = {n_rows: [] for n_rows in options.rows}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = {"train": 200, "validation": 50, "test": 50}
        recipe = {
            **review_recipe(options.data, limit=few),
            "method": "linear-probe",
            "baselines": [],
        }
        done = luthier.run(recipe, out=folder / "run")
        for n_rows in options.rows * options.repeats:
            file = write_rows(options.data, folder / "rows.csv", n_rows)
            peaks[n_rows].append(run_fresh("memory.arm", [done.folder, str(file)])["peak_mib"])
            print(f"{n_rows:,} rows: {peaks[n_rows][-1]:.0f} MiB at most", flush=True)
    write("memory", {str(n_rows): values for n_rows, values in peaks.items()})


def write_rows(source: Path, target: Path, n_rows: int) -> Path:
    """Write so many rows of a file, over and over."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(itertools.islice(itertools.cycle(rows), n_rows))
    return target
