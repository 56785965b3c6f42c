"""How votes of labelling functions are best merged, where the true labels are known.

python -m benchmarks weak-labels --data FOLDER
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import write
from luthier.metrics.consensus import dawid_skene, votes_of_others
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.recipe.weak import LabellingFunction
from luthier.records import Rows
from luthier.training.listeners import follow
from luthier.weak_labels.merge import counted
from luthier.weak_labels.votes import votes_on

Row = tuple[str, str]  # text, label
WORDS: dict[str, dict[str, str]] = {  # label to words, a function for each part between bars
    "reviews": {
        "positive": "great,excellent,wonderful,brilliant|best,masterpiece|funny,hilarious|"
        "moving,touching,heart|fun,enjoyable,entertaining|charming,delightful,sweet|"
        "beautifully,beautiful,gorgeous|smart,clever,witty|love,loved|"
        "compelling,fascinating,riveting",
        "negative": "bad,worst,awful,terrible|boring,dull,tedious|fails,failed,fail|"
        "lacks,lacking,lack|too|no,nothing,never|unfunny,stupid,silly|mess,disappointing|"
        "predictable,contrived|only,less",
    },
    "news": {
        "positive": "rose,increased,grew,up|higher,improved,growth|profit|"
        "agreement,contract,order|won,awarded",
        "negative": "fell,decreased,declined,down|loss,losses|lower,weak,weaker|"
        "layoffs,lay off,redundancies|warning,cut",
        "neutral": "company,headquartered,established|will,is,are|said|products,services|"
        "annual general meeting,board",
    },
}


def reviews(data: Path) -> list[Row]:
    """Read snippets of reviews of films."""
    with (data / "movie-reviews" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["sentiment"]) for row in csv.DictReader(file)]


def news(data: Path) -> list[Row]:
    """Read sentences of financial news."""
    source = data / "financial-phrasebank" / "Sentences_50Agree.txt"
    lines = [line.rpartition("@") for line in source.read_text("latin-1").splitlines()]
    return list({text: label for text, _, label in lines}.items())


PROBLEMS: dict[str, Callable[[Path], list[Row]]] = {"reviews": reviews, "news": news}


def functions_of(name: str, few: bool) -> Iterator[LabellingFunction]:
    """Make the functions of a problem: all, or the first of each label."""
    for label, words in WORDS[name].items():
        for part in words.split("|")[: 1 if few else None]:
            yield LabellingFunction(contains=tuple(part.split(",")), label=label)


def measure(name: str, rows: list[Row], *, few: bool) -> dict[str, Any]:
    """Merge the votes in both ways, and hold what comes of it against the truth."""
    labels = sorted({label for _, label in rows})
    gold = np.array([labels.index(label) for _, label in rows])
    functions, texts = list(functions_of(name, few)), Rows.of({"text": [text for text, _ in rows]})
    steps = votes_on(texts, functions, ["text"], labels, Training())
    votes = follow(steps, lambda info: None)
    covered = (votes >= 0).any(axis=1)
    votes, gold = votes[covered], gold[covered]
    merged = {
        "counted": counted(votes, len(labels)),
        "dawid-skene": dawid_skene(votes, len(labels)).probabilities,
    }
    of_others, is_vote = votes_of_others(votes, len(labels)), votes >= 0
    right = _means(votes == gold[:, None], is_vote)
    agreed = _means(of_others == votes, of_others >= 0)
    return {
        "data": name,
        "functions": len(functions),
        "rows": int(covered.sum()),
        "covered": float(covered.mean()),
        "right": {by: float((p.argmax(axis=1) == gold).mean()) for by, p in merged.items()},
        "log loss": {
            by: float(-np.log(np.maximum(p[np.arange(len(gold)), gold], 1e-6)).mean())
            for by, p in merged.items()
        },
        "agreement is off by": float(np.nanmean(np.abs(agreed - right))),
    }


def _means(values: Array, where: Array) -> Array:
    """Average each function over its votes; nan without any."""
    counts = where.sum(axis=0)
    means: Array = np.where(
        counts > 0, (values & where).sum(axis=0) / np.maximum(counts, 1), np.nan
    )
    return means


def main() -> None:
    """Measure every problem, with all functions and with few."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    options = asked.parse_args()
    found = []
    for name, read in PROBLEMS.items():
        rows = read(options.data)
        for few in (False, True):
            found.append(measure(name, rows, few=few))
            print(found[-1], flush=True)
    write("weak-labels", {"found": found})


if __name__ == "__main__":
    main()
