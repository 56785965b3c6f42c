"""Do one stage before training on one file, timed; prints one line of JSON.

python -m benchmarks.rows.arm STAGE FILE.csv FEW.csv MODEL

The stage is first done on the few rows, so that all libraries are loaded when it is measured.
"""

from __future__ import annotations

import csv
import gc
import json
import sys
import time
from typing import Any

import psutil

from benchmarks.problems import review_recipe
from benchmarks.watch import peak_mib
from luthier.build_problem import prepare
from luthier.columns import Limits
from luthier.data.doctor.inspect_splits import inspect
from luthier.data.split import make_splits
from luthier.models.load import load_tokenizer
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.sources.labelled import read_labelled
from luthier.sources.unlabelled import input_columns


def recipe_of(file: str, model: str) -> Recipe:
    """Write the recipe whose data is a file."""
    return read_recipe({**review_recipe(file, label="label"), "model": model})


def work(stage: str, rows: Rows, recipe: Recipe, task: Any, tokenizer: Any) -> Any:
    """Do a stage; give what it keeps.

    Args:
        stage: `read`, `look`, `encode` or `prepare`.
        rows: The rows, as given; `read` and `prepare` read them from the recipe's file instead.
        recipe: What to do.
        task: Of the recipe.
        tokenizer: The model's tokenizer.
    """
    if stage == "read":
        return read_labelled(recipe.data.train, recipe, task)
    if stage == "look":
        return inspect(split(rows), inputs=input_columns(task), label_role="label", kind=task.kind)
    if stage == "encode":
        target = task.learn_target(rows)
        return task.codec(target, tokenizer, Limits(128)).encode(rows)
    return prepare(recipe, task)


def split(rows: Rows) -> Splits:
    """Split rows at random."""
    return make_splits(
        rows,
        None,
        None,
        validation_size=0.1,
        test_size=0.1,
        group_by=None,
        stratify_by=None,
        n_folds=None,
        fold=0,
        seed=0,
    )


def resident() -> float:
    """Read the memory that this process holds, in MiB."""
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def read_texts(file: str) -> Rows:
    """Read rows by the csv module alone, so that what they take can be told from the stage."""
    with open(file, encoding="utf-8", newline="") as lines:
        texts, labels = zip(*csv.reader(lines), strict=True)
    return Rows.of({"text": texts[1:], "label": labels[1:]})


def main() -> None:
    """Measure the stage that the command line names."""
    stage, file, few, model = sys.argv[1:]
    task, tokenizer = make_plugin("tasks", recipe_of(few, model).task), load_tokenizer(model)
    few_rows = read_labelled(few, recipe_of(few, model), task)[0]
    work(stage, few_rows, recipe_of(few, model), task, tokenizer)
    libraries = resident()
    rows = read_texts(file) if stage in ("look", "encode") else few_rows
    given = resident()
    start = time.perf_counter()
    done = work(stage, rows, recipe_of(file, model), task, tokenizer)
    seconds, peak = time.perf_counter() - start, peak_mib()
    found = {
        "seconds": round(seconds, 2),
        "libraries_mib": round(libraries),
        "texts_mib": round(given - libraries),
        "peak_mib": round(peak - given),
        "kept_mib": round(resident() - given),
    }
    del done  # held until now: it is what the stage keeps
    print(json.dumps(found))


if __name__ == "__main__":
    main()
