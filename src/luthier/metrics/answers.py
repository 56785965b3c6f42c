"""Metrics of extractive answers, by SQuAD's rules.

Rajpurkar et al. 2016, section 6.1, https://arxiv.org/abs/1606.05250: texts are compared without
case, punctuation and articles, with the closest true answer. Questions without an answer as in
Rajpurkar et al. 2018: the right prediction is no answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from luthier.declarations import SHARE, Metric
from luthier.ragged import Array
from luthier.records import Measure

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
METRICS = (  # F1 is declared in `spans.py`
    Metric("exact_match", "exact match", unit=SHARE, higher_is_better=True, best=1.0),
    Metric(
        "has_answer_f1", "F1 where there is an answer", unit=SHARE, higher_is_better=True, best=1.0
    ),
    Metric(
        "has_answer_exact_match",
        "exact match where there is an answer",
        unit=SHARE,
        higher_is_better=True,
        best=1.0,
    ),
    Metric(
        "no_answer_accuracy",
        "accuracy where there is none",
        unit=SHARE,
        higher_is_better=True,
        best=1.0,
    ),
)


def normalise_answer(text: str) -> str:
    """Remove case, punctuation, articles and extra whitespace.

    >>> normalise_answer("The  Eiffel Tower!")
    'eiffel tower'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """Score 1 if an answer is one of the true ones; "" is right if there are none."""
    said = normalise_answer(answer)
    return float(any(said == normalise_answer(gold) for gold in _wanted(golds)))


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """Compute the word F1 with the closest true answer."""
    said = normalise_answer(answer).split()
    return max(_overlap(said, normalise_answer(gold).split()) for gold in _wanted(golds))


def _wanted(golds: Sequence[str]) -> list[str]:
    """Give the true answers that have words left; [""] if there are none."""
    return [gold for gold in golds if normalise_answer(gold)] or [""]


def _overlap(said: list[str], wanted: list[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    n_shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * n_shared / (len(said) + len(wanted))


def measure_answers(golds: Sequence[Sequence[str]], answers: Sequence[str]) -> Measure:
    """Prepare exact match and F1, also for questions with and without an answer alone.

    Args:
        golds: True answers of each question; empty if it has none.
        answers: The predicted answer to each; "" for none.
    """
    f1 = np.array([token_f1(a, g) for a, g in zip(answers, golds, strict=True)])
    exact = np.array([exact_match(a, g) for a, g in zip(answers, golds, strict=True)])
    has_answer = np.array([any(one) for one in golds], dtype=bool)

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(golds)) if weights is None else weights
        found = {"f1": _mean(f1, w), "exact_match": _mean(exact, w)}
        if has_answer.any() and not has_answer.all():
            found["has_answer_f1"] = _mean(f1, w * has_answer)
            found["has_answer_exact_match"] = _mean(exact, w * has_answer)
            found["no_answer_accuracy"] = _mean(exact, w * ~has_answer)
        return found

    return measure


def _mean(values: Array, weights: Array) -> float:
    total = weights.sum()
    return float(weights @ values / total) if total else float("nan")


def best_null_threshold(
    score_differences: Array, score_if_answered: Array, score_if_null: Array
) -> float:
    """Choose the threshold on (null score - best answer's score) above which no answer is given.

    Args:
        score_differences: The null score minus that of the best answer, (rows,).
        score_if_answered: The metric of each row if its best answer is given, (rows,).
        score_if_null: The metric of each row if no answer is given, (rows,).

    Returns:
        The threshold with the highest mean metric.
    """
    if len(score_differences) == 0:
        return 0.0
    order = np.argsort(score_differences, kind="stable")
    ordered = np.asarray(score_differences)[order]
    answered = np.concatenate([[0.0], np.cumsum(np.asarray(score_if_answered)[order])])
    null = np.concatenate([np.cumsum(np.asarray(score_if_null)[order][::-1])[::-1], [0.0]])
    total = answered + null  # the first k are answered
    is_border = np.concatenate([[True], np.diff(ordered) > 0, [True]])
    best = int(np.flatnonzero(is_border)[np.argmax(total[is_border])])
    if best == 0:
        return float(ordered[0] - 1.0)
    if best == len(ordered):
        return float(ordered[-1] + 1.0)
    below, above = ordered[best - 1], ordered[best]
    middle = below / 2 + above / 2
    return float(middle if middle < above else below)  # neighbouring floats have no middle
