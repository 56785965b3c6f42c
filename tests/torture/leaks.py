"""D2: texts of the test set that also stand in training, copied or a little changed, are found."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from luthier.columns import Column
from luthier.data.doctor.inspect_splits import inspect
from luthier.records import Rows, Splits

TEXT = Column("text", "text")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHORTEST = 30  # characters; shorter texts with one word changed are other texts
EXACT, NEAR = "duplicate-across-splits", "near-duplicate-across-splits"
Change = Callable[[str, random.Random], str]


def same(text: str, chance: random.Random) -> str:
    """Copy the text."""
    return text


def case(text: str, chance: random.Random) -> str:
    """Write it in capitals."""
    return text.upper()


def spaces(text: str, chance: random.Random) -> str:
    """Put more spaces into it."""
    return "  ".join(text.split(" ")) + " "


def punctuation(text: str, chance: random.Random) -> str:
    """Put points and commas into it."""
    return text.replace(" ", ", ", 2) + "!!"


def characters(share: float) -> Change:
    """Replace, drop or insert a share of the characters."""

    def change(text: str, chance: random.Random) -> str:
        signs = list(text)
        for place in chance.sample(range(len(signs)), max(1, round(share * len(signs)))):
            kind = chance.randrange(3)
            other = chance.choice(LETTERS)
            signs[place] = (other, "", signs[place] + other)[kind]
        return "".join(signs)

    return change


def words(share: float) -> Change:
    """Replace a share of the words by others."""

    def change(text: str, chance: random.Random) -> str:
        parts = text.split(" ")
        for place in chance.sample(range(len(parts)), max(1, round(share * len(parts)))):
            parts[place] = "".join(chance.choices(LETTERS, k=len(parts[place])))
        return " ".join(parts)

    return change


CHANGES: dict[str, tuple[Change, tuple[str, ...], float]] = {  # change, codes, recall asked for
    "exact": (same, (EXACT,), 1.0),
    "case": (case, (NEAR,), 1.0),
    "spaces": (spaces, (NEAR,), 1.0),
    "punctuation": (punctuation, (NEAR,), 1.0),
    **{f"{n} % of characters": (characters(n / 100), (NEAR, EXACT), 0.95) for n in (1, 3, 5, 10)},
    **{f"{n} % of words": (words(n / 100), (NEAR, EXACT), 0.95) for n in (1, 5, 10)},
}


def invented_texts(n: int, *, seed: int = 0) -> list[str]:
    """Invent texts of 6 to 40 words, which are as frequent as words are (Zipf's law)."""
    drawn = np.random.default_rng(seed)
    chance = random.Random(seed)
    known = ["".join(chance.choices(LETTERS, k=chance.randint(2, 10))) for _ in range(5000)]
    shares = 1 / np.arange(1, len(known) + 1)
    shares /= shares.sum()
    return [
        " ".join(drawn.choice(known, size=drawn.integers(8, 40), p=shares).tolist())
        for _ in range(n)
    ]


def texts_of(file: Path) -> list[str]:
    """Read the different texts of a CSV file, each long enough to be told from another."""
    with file.open(encoding="utf-8", newline="") as opened:
        found = [row["text"] for row in csv.DictReader(opened)]
    return [text for text in dict.fromkeys(found) if len(text) >= SHORTEST]


def recall(texts: list[str], change: Change, codes: tuple[str, ...], *, n: int = 200) -> float:
    """Plant `n` changed training texts in the test set; give the share that is found."""
    chance = random.Random(1)
    half = len(texts) // 2
    train, test = texts[:half], texts[half:]
    planted = [change(text, chance) for text in train[:n]]
    before, after = found(train, test, codes), found(train, [*test, *planted], codes)
    return (after - before) / n


def false_alarms(texts: list[str]) -> float:
    """Give the share of different texts that are called leaks or near-copies."""
    half = len(texts) // 2
    return found(texts[:half], texts[half:], (EXACT, NEAR)) / (len(texts) - half)


def found(train: list[str], test: list[str], codes: tuple[str, ...]) -> int:
    """Count the rows of findings."""
    splits = Splits(Rows.of({"text": train}), Rows.of({"text": []}), Rows.of({"text": test}))
    findings = inspect(splits, inputs=(TEXT,), label_role=None, kind="text")
    return sum(finding.count for finding in findings if finding.code in codes)
