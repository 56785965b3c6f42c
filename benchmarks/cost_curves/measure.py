"""How do time and memory grow with rows, with the length of rows, and with layers?

python -m benchmarks cost-curves rows length layers

Texts are made of words that MiniLM knows as one token each. A point is some steps of every arm;
what is done before the first step is shown apart.
"""

from __future__ import annotations

import argparse
import csv
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import luthier.environment
from benchmarks.figure import Curve, draw_curves
from benchmarks.models import MINILM, ready_model
from benchmarks.peers import DEFAULT, GROUPED
from benchmarks.processes import FOLDER, Round, interleave, ratios, run_arm, write
from luthier.models.load import load_tokenizer

KEYS = ("seconds_a_step", "seconds_before_first_step", "cpu_seconds", "peak_mib")
TYPICAL, SPREAD, SHORTEST, LONGEST = 20, 0.6, 4, 96  # tokens, of lengths that differ
POINTS: dict[str, list[int]] = {
    "rows": [1_000, 10_000, 100_000],
    "length": [16, 64, 256, 512],
    "layers": [2, 6, 12],
}
# 50: as many as grouping sorts together; after fewer Trainer has seen its longest rows alone.
STEPS = {"rows": 50, "length": 3, "layers": 10}
ARMS = ["luthier", "trainer-default", "trainer-grouped", "bare"]
ACROSS = {"rows": "training rows", "length": "tokens in a row", "layers": "layers of width 384"}


def main() -> None:
    """Measure the curves asked for; each is kept as JSON and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("curves", nargs="*", default=list(POINTS), metavar="rows|length|layers")
    parser.add_argument("--points", type=int, nargs="+", help="of one curve, instead of its own")
    parser.add_argument("--steps", type=int, help="of every arm; its own when left out")
    parser.add_argument("--arms", nargs="+", default=ARMS[:3], choices=ARMS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="training.FIELD=VALUE")
    parser.add_argument("--trainer", action="append", default=[], metavar="FIELD=true|false")
    options = parser.parse_args()
    if unknown := set(options.curves) - set(POINTS):
        parser.error(f"no such curve: {', '.join(sorted(unknown))}; there are {', '.join(POINTS)}")
    if options.points and len(options.curves) != 1:
        parser.error("--points are of one curve: name it")
    for curve in options.curves:
        measure(curve, options)


def measure(curve: str, options: argparse.Namespace) -> None:
    """Measure one curve."""
    points = {}
    best = {**GROUPED, **dict(setting(one) for one in options.trainer)}
    for point in options.points or POINTS[curve]:
        asked = argparse.Namespace(**{**vars(options), **shape(curve, point, options)})
        asked.steps = options.steps or STEPS[curve]
        arm = partial(run_arm, options=asked)
        arms = {
            "luthier": partial(arm, "luthier"),
            "trainer-default": partial(arm, "trainer", name="trainer-default"),
            "trainer-grouped": partial(arm, "trainer", name="trainer-grouped", settings=best),
            "bare": partial(arm, "bare"),
        }
        points[point] = interleave({one: arms[one] for one in options.arms}, options.rounds)
    summary = {point: summarise(rounds) for point, rounds in points.items()}
    name = f"cost-curve-{curve}"
    about = {"settings": {"trainer-default": DEFAULT, "trainer-grouped": best}}
    about["machine"] = luthier.environment.describe()
    write(name, {"summary": summary, "points": points, "about": about})
    draw(curve, points, name)


def setting(word: str) -> tuple[str, Any]:
    """Read a setting of Trainer that is on or off."""
    name, _, value = word.partition("=")
    if value not in ("true", "false"):
        sys.exit(f"--trainer FIELD=true or FIELD=false is expected, not {word}.")
    return name, value == "true"


def shape(curve: str, point: int, options: argparse.Namespace) -> dict[str, Any]:
    """Write the rows of a point, and say what is trained on them."""
    n_rows = point if curve == "rows" else 50 * options.batch_size
    length = {"rows": None, "length": point, "layers": TYPICAL}[curve]
    layers = f"{point}x384" if curve == "layers" else "minilm"
    folder = FOLDER / f"texts-{n_rows}-{length or 'mixed'}"
    write_texts(folder, n_rows, length)
    return {
        "data": folder,
        "problem": "reviews",
        "model": ready_model(layers, FOLDER / "models"),
        "rows": None,
        "epochs": 1,
        "learning_rate": 1e-4,
        "max_tokens": 512,
    }


def write_texts(folder: Path, n_rows: int, length: int | None) -> None:
    """Write texts of one length in tokens, or of lengths drawn from a lognormal, and labels."""
    if (folder / "train.csv").is_file():
        return
    tokenizer = load_tokenizer(MINILM)
    words = np.array(sorted(w for w in tokenizer.get_vocab() if w.isascii() and w.isalpha()))
    rng = np.random.default_rng(0)
    drawn = rng.lognormal(np.log(TYPICAL), SPREAD, n_rows).round().astype(int)
    lengths = np.full(n_rows, length) if length else drawn.clip(SHORTEST, LONGEST)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "sentiment"])
        for number, n_tokens in enumerate(lengths):
            text = " ".join(rng.choice(words, n_tokens - 2))  # two are special
            table.writerow([text, ("negative", "positive")[number % 2]])


def summarise(rounds: list[Round]) -> dict[str, Any]:
    """Give Luthier's ratios to every arm; none where it was not asked for."""
    if "luthier" not in rounds[0]:
        return {}
    return {arm: ratios(rounds, "luthier", arm, KEYS) for arm in rounds[0] if arm != "luthier"}


def draw(curve: str, points: dict[int, list[Round]], name: str) -> None:
    """Draw milliseconds of a row, seconds before the first step, and memory."""
    some = next(iter(points.values()))[0]
    arms = {arm: f"{arm}, {found['precision']}" for arm, found in some.items()}

    def collect(key: str, scale: float = 1.0) -> dict[str, list[tuple[float, list[float]]]]:
        return {
            label: [
                (point, [scale * one[arm][key] for one in rounds])
                for point, rounds in points.items()
            ]
            for arm, label in arms.items()
        }

    seen = next(iter(some.values()))
    size = 1000 * seen["steps"] / (seen["rows_per_second"] * seen["seconds"])  # of a row in ms
    across = ACROSS[curve]
    curves = [
        Curve(across, "milliseconds of training a row", collect("seconds_a_step", size)),
        Curve(across, "seconds before the first step", collect("seconds_before_first_step")),
        Curve(across, "peak resident memory, MiB", collect("peak_mib")),
    ]
    title = f"{name}: {seen['steps']} steps a point, {seen['threads']} thread(s)"
    draw_curves(title, curves, FOLDER / f"{name}.svg")
