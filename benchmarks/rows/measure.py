"""What do more rows cost before training begins, in seconds and in memory?

python -m benchmarks rows --data FILE.csv --rows 1000 10000 100000

Makes texts of about 25 tokens from the words of a file. Each stage and each number of rows has a
process of its own: `read` reads a CSV file, `look` has the data doctor look at rows, `encode`
tokenizes them, and `prepare` is all that a run does before it trains.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.models import MINILM
from benchmarks.processes import run_fresh, write

STAGES = ("read", "look", "encode", "prepare")
N_WORDS = 19  # about 25 tokens of a BERT


def main() -> None:
    """Measure all stages with growing rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="A CSV file with a column text.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--model", default=MINILM)
    options = parser.parse_args()
    words = words_of(options.data)
    found: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        few = write_rows(Path(name) / "few.csv", 200, words)
        for n_rows in options.rows:
            file = write_rows(Path(name) / "rows.csv", n_rows, words)
            for stage in options.stages:
                told = measure(stage, file, few, options.model)
                found.setdefault(stage, {})[n_rows] = told
                print(f"{stage:8} {n_rows:>9,} rows: {describe(told)}", flush=True)
    write("rows", found)


def describe(told: dict[str, float]) -> str:
    """Say what a stage took."""
    return (
        f"{told['seconds']:7.2f} s, {told['peak_mib']:5.0f} MiB at most "
        f"({told['kept_mib']:.0f} kept) beside {told['libraries_mib']:.0f} MiB of libraries "
        f"and {told['texts_mib']:.0f} MiB of rows"
    )


def measure(stage: str, file: Path, few: Path, model: str) -> dict[str, float]:
    """Run a stage in a process of its own."""
    return run_fresh("rows.arm", [stage, str(file), str(few), model])


def words_of(source: Path) -> list[str]:
    """Give all words of a file's texts, as often as they occur."""
    with source.open(encoding="utf-8", newline="") as file:
        return [word for row in csv.DictReader(file) for word in row["text"].split()]


def write_rows(target: Path, n_rows: int, words: list[str]) -> Path:
    """Write rows whose texts are words drawn at random: like a language in lengths alone."""
    random = np.random.default_rng(0)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for index in range(n_rows):
            drawn = random.integers(0, len(words), N_WORDS + int(random.integers(-9, 10)))
            writer.writerow([" ".join(words[i] for i in drawn), ("bad", "good")[index % 2]])
    return target
