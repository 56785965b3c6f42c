"""Rows of public data sets with one label each, and what a frozen MiniLM makes of them, kept.

A model is then a linear head on vectors, fitted in a moment, so that what is asked of labels can be
asked hundreds of times.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.models import MINILM

MOST_ROWS, MAX_TOKENS, AT_ONCE = 5000, 128, 64
Pairs = list[tuple[str, str]]  # text, label


def phrasebank(folder: Path) -> tuple[Pairs, Pairs]:
    """Sentences of financial news, three labels; the test rows are split off by the caller."""
    path = folder / "financial-phrasebank" / "Sentences_50Agree.txt"
    lines = [line for line in path.read_text(encoding="latin-1").splitlines() if line.strip()]
    parts = [line.rpartition("@") for line in lines]
    return [(text, label) for text, _, label in parts], []


def movie_reviews(folder: Path) -> tuple[Pairs, Pairs]:
    """Snippets of reviews, two labels."""
    train, test = (_table(folder / "movie-reviews" / f"{name}.csv") for name in ("train", "test"))
    return train[:MOST_ROWS], test


def banking77(folder: Path) -> tuple[Pairs, Pairs]:
    """Customers' questions, 77 labels, in a file sorted by them."""
    train, test = (_table(folder / "banking77" / f"{name}.csv") for name in ("train", "test"))
    order = np.random.default_rng(0).permutation(len(train))[:MOST_ROWS]
    return [train[index] for index in order], test


def chemprot(folder: Path) -> tuple[Pairs, Pairs]:
    """How a chemical acts on a protein, thirteen labels."""
    train, test = (
        (folder / "chemprot" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for name in ("train", "test")
    )
    return [_pair(line) for line in train], [_pair(line) for line in test]


def _table(path: Path) -> Pairs:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row[:2] for row in csv.reader(file)]
    return [(text, label) for text, label in rows[1:]]


def _pair(line: str) -> tuple[str, str]:
    row = json.loads(line)
    return row["text"], row["label"]


SETS: dict[str, Callable[[Path], tuple[Pairs, Pairs]]] = {
    "financial-phrasebank": phrasebank,
    "banking77": banking77,
    "movie-reviews": movie_reviews,
    "chemprot": chemprot,
}


def vectors_of(name: str, folder: Path, kept: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Give vectors, (rows, width), and labels of a data set, training rows first; and their number.

    Args:
        name: Of the data set.
        folder: With the folders of the data sets.
        kept: Where vectors are kept.
    """
    train, test = SETS[name](folder)
    rows = [*train, *test]
    path = kept / f"vectors-{name}.npy"
    if path.is_file():
        vectors = np.load(path, allow_pickle=False)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        vectors = read([text for text, _ in rows])
        np.save(path, vectors, allow_pickle=False)
    return vectors, np.array([label for _, label in rows]), len(train)


@torch.no_grad()
def read(texts: list[str]) -> np.ndarray:
    """Compute the mean of the last states of every text, (texts, width)."""
    from transformers import AutoModel

    from luthier.models.load import load_tokenizer, quietly
    from luthier.models.locate import locate

    tokenizer = load_tokenizer(MINILM)
    with quietly():
        model = AutoModel.from_pretrained(locate(MINILM), trust_remote_code=False).eval()
    order = np.argsort([len(text) for text in texts], kind="stable")
    found = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for first in range(0, len(texts), AT_ONCE):
        chosen = order[first : first + AT_ONCE]
        batch = tokenizer(
            [texts[index] for index in chosen],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        states, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
        found[chosen] = ((states * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    return found
