"""Is what a forecast expects of 1,600 labels, seeing 400, what comes?

python -m benchmarks forecast --data FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.processes import write
from benchmarks.vectors import SETS, vectors_of
from luthier.data.sampling import draw_nested
from luthier.errors import DataError
from luthier.frozen_features.linear import fit_head
from luthier.seeding import stream
from luthier.studies.expected import LearningCurve

SIZES = (50, 100, 150, 200, 300, 400)
LATER = (800, 1600)
N_TEST, N_DRAWS, N_RESAMPLES, STRENGTH = 1500, 5, 200, 10.0
METRIC = "accuracy"


@dataclass(frozen=True)
class Case:
    """One forecast, and what came."""

    data: str
    seed: int
    n_labels: int
    expected: float
    low: float
    high: float
    last: float
    came: float

    @property
    def error(self) -> float:
        """What was expected less what came."""
        return self.expected - self.came

    @property
    def is_held(self) -> bool:
        """Whether the band holds what came."""
        return self.low <= self.came <= self.high


class Rows:
    """Vectors and labels of a data set, some of them for tests."""

    def __init__(self, vectors: np.ndarray, labels: np.ndarray, n_train: int):
        names, ids = np.unique(labels, return_inverse=True)
        if n_train == len(labels):  # no test file: the last rows of a random order
            order = np.random.default_rng(99).permutation(n_train)
            vectors, ids, n_train = vectors[order], ids[order], n_train - N_TEST
        self.n_labels = len(names)
        self.vectors, self.ids = vectors[:n_train], ids[:n_train]
        self.test, self.gold = vectors[n_train:][:N_TEST], ids[n_train:][:N_TEST]

    def draw(self, among: np.ndarray, n: int, seed: int, name: int | str) -> np.ndarray:
        """Draw rows so that a larger draw of a seed holds the smaller ones."""
        return draw_nested(among, n, labels=self.ids.tolist(), random=stream(seed, name))

    def right(self, chosen: np.ndarray) -> np.ndarray:
        """Train on rows and say which test rows are right, (tests,)."""
        own = self.vectors[chosen]
        mean, spread = own.mean(axis=0), own.std(axis=0) + 1e-6
        length = np.sqrt(own.shape[1])
        weight, bias = fit_head(
            (own - mean) / spread / length, self.ids[chosen], self.n_labels, STRENGTH
        )
        outputs = (self.test - mean) / spread / length @ weight.T + bias
        return np.asarray(outputs.argmax(axis=1) == self.gold, dtype=np.float64)


def cases_of(name: str, rows: Rows, seed: int) -> list[Case]:
    """Forecast from 400 labels of a seed, and see what comes with more."""
    everything = np.arange(len(rows.ids))
    own = rows.draw(everything, SIZES[-1], seed, "own")
    all_right = rows.right(own)
    right = np.stack(
        [
            np.stack([*(rows.right(rows.draw(own, n, seed, draw)) for n in SIZES[:-1]), all_right])
            for draw in range(N_DRAWS)
        ]
    )
    random = stream(seed, "tests")
    counts = random.multinomial(
        right.shape[2], np.full(right.shape[2], 1 / right.shape[2]), N_RESAMPLES
    )
    curve = LearningCurve(METRIC, SIZES, right.mean(axis=2), right @ (counts.T / right.shape[2]))
    found = []
    for n in LATER:
        came = float(rows.right(rows.draw(everything, n, seed, "own")).mean())
        said = curve.at(n)
        last = float(right[:, -1].mean())
        found.append(Case(name, seed, n, said.score, said.low, said.high, last, came))
    return found


def main() -> None:
    """Forecast on every data set with every seed."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks forecast")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("build/forecast"), help="for vectors")
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    cases: list[Case] = []
    refused: list[str] = []
    for name in options.only:
        rows = Rows(*vectors_of(name, options.data, options.out))
        for seed in range(options.seeds):
            try:
                cases += cases_of(name, rows, seed)
            except DataError as problem:
                refused.append(f"{name}, seed {seed}: {problem.problem}")
        for n in LATER:
            tell(name, [one for one in cases if (one.data, one.n_labels) == (name, n)])
    for n in LATER:
        tell("all", [one for one in cases if one.n_labels == n])
    print(*refused, sep="\n")
    write("forecast", {"cases": [asdict(one) for one in cases], "refused": refused})


def tell(name: str, cases: list[Case]) -> None:
    """Print what came of some forecasts, in points."""
    if not cases:
        return
    errors = 100 * np.array([one.error for one in cases])
    last = 100 * np.array([one.last - one.came for one in cases])
    width = 100 * np.mean([one.high - one.low for one in cases])
    held = sum(one.is_held for one in cases)
    print(
        f"{name:20} {cases[0].n_labels:5} labels: mean |error| {abs(errors).mean():.1f} points "
        f"(bias {errors.mean():+.1f}; last value {abs(last).mean():.1f}), band holds {held} of "
        f"{len(cases)}, width {width:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
