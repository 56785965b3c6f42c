"""One judge for both programs, independent of Luthier's own metrics.

Entities: strict F1 by seqeval. Answers: SQuAD 2.0's rules, written anew after the official script.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from pathlib import Path

from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from benchmarks.problems import read_conll, read_squad


def best_worst(question: str) -> tuple[str, ...]:
    """Name the metrics that are compared."""
    return ("f1",) if question == "entities" else ("f1", "exact")


def score_entities(folder: Path, said: list[list[str]]) -> dict[str, float]:
    """Score tags strictly."""
    gold = [tags for _, tags in read_conll(folder / "test.conll")]
    return {"f1": float(f1_score(gold, said, mode="strict", scheme=IOB2))}


def score_answers(folder: Path, said: list[str]) -> dict[str, float]:
    """Score answers by exact match and F1."""
    exact, overlap = [], []
    for asked, answer in zip(read_squad(folder / "test.json"), said, strict=True):
        golds = [one["text"] for one in asked["answers"] if words(one["text"])] or [""]
        exact.append(max(float(words(gold) == words(answer)) for gold in golds))
        overlap.append(max(f1(words(gold), words(answer)) for gold in golds))
    return {"f1": sum(overlap) / len(overlap), "exact": sum(exact) / len(exact)}


def words(text: str) -> list[str]:
    """Cut a text into words without case, punctuation and articles."""
    plain = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def f1(gold: list[str], said: list[str]) -> float:
    """Measure the overlap of two bags of words."""
    if not gold or not said:
        return float(gold == said)
    shared = sum((Counter(gold) & Counter(said)).values())
    return 0.0 if shared == 0 else 2 * shared / (len(gold) + len(said))
