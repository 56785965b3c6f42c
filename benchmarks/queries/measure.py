"""How many labels do query strategies save, and on which data do they make no difference?

python -m benchmarks queries --data FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path

import luthier
from benchmarks.models import MINILM
from benchmarks.processes import write
from benchmarks.vectors import Pairs, phrasebank
from luthier.runs import plain


def acl_arc(folder: Path) -> Pairs:
    """Why a paper is cited, six labels; its three files together."""
    lines: list[str] = []
    for name in ("train", "dev", "test"):
        path = folder / "acl-arc" / f"{name}.jsonl"
        lines += path.read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [(row["text"], row["label"]) for row in rows]


PROBLEMS: dict[str, tuple[Callable[[Path], Pairs], int]] = {  # rows, and how many of them are tests
    "financial-phrasebank": (lambda folder: phrasebank(folder)[0], 1500),
    "acl-arc": (acl_arc, 700),
}


def main() -> None:
    """Rehearse on every data set."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks queries")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("build/queries"))
    parser.add_argument("--only", nargs="*", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--by", default="margin,entropy,badge")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    found = {}
    for name in options.only:
        read, n_test = PROBLEMS[name]
        recipe = recipe_of(read(options.data), n_test, options.out, name)
        rehearsal = luthier.rehearse(
            recipe,
            by=options.by.split(","),
            n_seeds=options.seeds,
            out=options.out / name,
            name=name,
            on_batch=tell,
        )
        print(name, *rehearsal.sentences, sep="\n  ", flush=True)
        for one in rehearsal.compared:
            saved = one.saved
            print(
                f"  {one.by}: {saved.n:.0f} of {saved.of} labels saved "
                f"({saved.low:.0f} to {saved.high:.0f})",
                flush=True,
            )
        found[name] = plain(rehearsal)
    write("queries", found)


def recipe_of(rows: Pairs, n_test: int, folder: Path, name: str) -> dict[str, object]:
    """Write the rows as a table, and the recipe for them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        table.writerows(rows)
    return {
        "model": MINILM,
        "task": {"name": "text-classification", "options": {"main_metric": "macro_f1"}},
        "data": {
            "train": str(path),
            "split": {"validation": 0, "test": n_test},
            "ignore_findings": ["duplicate-across-splits"],
        },
    }


def tell(by: str, seed: int, number: int, n_batches: int, score: float | None) -> None:
    """Say what a play came to."""
    if score is not None:
        print(f"{by}, seed {seed}: {score:.4f}", flush=True)


if __name__ == "__main__":
    main()
