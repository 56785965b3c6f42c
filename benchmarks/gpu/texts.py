"""Texts and entities drawn from a seed, so that a measurement needs no file.

Only their lengths matter for time: `short` are like messages, `mixed` like messages, reviews and a
few reports.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

WORDS = ("the model reads every word of a long report and tells good from bad news " * 4).split()
SHORT, MIXED = (8, 24), (8, 400)  # words of a text, the fewest and the most
TAGS = ("B-PER", "B-LOC")


def write_texts(folder: Path, n_rows: int, *, is_mixed: bool) -> Path:
    """Write `train.csv` with texts of two classes; mixed lengths are uniform in their logarithm."""
    random = np.random.default_rng(0)
    fewest, most = MIXED if is_mixed else SHORT
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment"])
        for row in range(n_rows):
            n_words = int(np.exp(random.uniform(np.log(fewest), np.log(most))))
            text = " ".join(random.choice(WORDS, n_words))
            writer.writerow([f"{text} {row}", "yes" if row % 2 else "no"])
    return folder


def write_entities(folder: Path, n_rows: int) -> Path:
    """Write `train.conll` with a tenth of the words tagged."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for _ in range(n_rows):
        for word in random.choice(WORDS, random.integers(*SHORT)):
            lines.append(f"{word}\t{random.choice(TAGS) if random.random() < 0.1 else 'O'}")
        lines.append("")
    (folder / "train.conll").write_text("\n".join(lines), encoding="utf-8")
    return folder
