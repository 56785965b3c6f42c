"""Do explanations of entities and answers point to them and to what stands around them?

python -m benchmarks explained-spans --run RUN
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.processes import write
from luthier.explanation import Explanation
from luthier.metrics.intervals import interval, resamples

AROUND = 3  # words on either side that count as around it
QUESTION = "question"
N_RESAMPLES = 1000


def main() -> None:
    """Explain test rows of a run, and sum what its words add by where they stand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="a finished run on entities or answers")
    parser.add_argument("--rows", type=int, default=200, help="test rows that are explained")
    parser.add_argument("--by", default="integrated-gradients")
    options = parser.parse_args()
    explained = luthier.explain(options.run, rows=f"test:0-{options.rows - 1}", by=options.by)
    of_rows = [[shares(one) for one in row if one.decision.span] for row in explained]
    of_rows = [row for row in of_rows if row]
    n_decisions = sum(map(len, of_rows))
    print(f"{options.by}: {n_decisions} spans in {len(of_rows)} of {options.rows} rows")
    found = {}
    for place in of_rows[0][0]:
        one = found[place] = compared([[each[place] for each in row] for row in of_rows])
        low, high = one["interval"]
        print(
            f"{place:12} {one['share']:.1%} of what words add, {one['random']:.1%} of the words: "
            f"{one['share'] - one['random']:+.1%} ({low:+.1%} to {high:+.1%})"
        )
    name = f"explained-spans-{Path(options.run).name}-{options.by}"
    write(name, {**vars(options), "spans": n_decisions, "found": found})


def shares(one: Explanation) -> dict[str, tuple[float, float]]:
    """Return, by place, the share of all attributions in absolute value, and of all words."""
    words, span = one.words, one.decision.span
    if span is None:
        raise ValueError("the decision has no words of its own")
    is_own = np.array(
        [
            one.decision.owns(role, first, past)
            for role, (first, past) in zip(words.roles, words.spans.tolist(), strict=True)
        ],
        dtype=bool,
    )
    numbers = np.arange(len(words))
    own = numbers[is_own]
    reach = AROUND if len(own) else -1
    is_near = np.zeros(len(words), dtype=bool)
    for number in own:
        is_near |= np.abs(numbers - number) <= reach
    is_near &= np.array(words.roles) == one.decision.role
    is_asked = np.array([role == QUESTION for role in words.roles], dtype=bool)
    sizes = np.abs(one.attribution.values)
    chosen = {"its words": is_own, "with around": is_near}
    if is_asked.any():
        chosen |= {"question": is_asked, "both": is_own | is_asked}
    total = max(float(sizes.sum()), 1e-12)
    return {
        name: (float(sizes[part].sum() / total), float(part.mean()))
        for name, part in chosen.items()
    }


def compared(of_rows: list[list[tuple[float, float]]]) -> dict[str, Any]:
    """Compare shares with those of words drawn at random, resampling rows."""
    sums = np.array([[*np.sum(row, axis=0), len(row)] for row in of_rows])  # (rows, 3)

    def difference(weights: np.ndarray[Any, Any]) -> float:
        share, random, n_spans = weights @ sums
        return float((share - random) / n_spans)

    drawn = resamples(len(sums), n_resamples=N_RESAMPLES, seed=0)
    share, random, n_spans = sums.sum(axis=0)
    return {
        "share": share / n_spans,
        "random": random / n_spans,
        "interval": interval(np.array([difference(one) for one in drawn]), confidence=0.95),
    }


if __name__ == "__main__":
    main()
