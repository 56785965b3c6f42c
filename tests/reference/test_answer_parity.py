"""Scores of answers agree with the rules of SQuAD 2.0's evaluation, spelled out once more here."""

import random
import string

import numpy as np
import pytest

from luthier.metrics.answers import exact_match, measure_answers, normalise_answer, token_f1

WORDS = [
    "the",
    "The",
    "a",
    "an",
    "Eiffel",
    "tower,",
    "tower",
    "1889",
    "A.",
    "'s",
    "theory",
    "-",
    "é",
]


def squad_words(text):
    """Lower, then drop punctuation, then whole words that are articles, then blanks."""
    kept = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def squad_f1(gold, said):
    gold, said = squad_words(gold), squad_words(said)
    if not gold or not said:
        return float(gold == said)
    left, n_same = list(gold), 0
    for word in said:
        if word in left:
            left.remove(word)
            n_same += 1
    if n_same == 0:
        return 0.0
    precision, recall = n_same / len(said), n_same / len(gold)
    return 2 * precision * recall / (precision + recall)


def squad_scores(golds, said):
    """Score a question by the best of its answers that has words; it has none: by ""."""
    wanted = [gold for gold in golds if squad_words(gold)] or [""]
    exact = max(float(squad_words(gold) == squad_words(said)) for gold in wanted)
    return exact, max(squad_f1(gold, said) for gold in wanted)


def questions(n=400):
    draw = random.Random(0)

    def phrase():
        return " ".join(draw.choices(WORDS, k=draw.randint(0, 5)))

    golds = [[phrase() for _ in range(draw.randint(0, 3))] for _ in range(n)]
    said = [draw.choice([*one, phrase(), ""]) for one in golds]
    return golds, said


def test_every_question_is_scored_by_the_official_rules():
    for golds, said in zip(*questions(), strict=True):
        exact, f1 = squad_scores(golds, said)
        assert normalise_answer(said) == " ".join(squad_words(said))
        assert exact_match(said, golds) == exact
        assert token_f1(said, golds) == pytest.approx(f1)


@pytest.mark.parametrize("weights", [None, np.random.default_rng(0).integers(0, 4, 400) * 1.0])
def test_means_are_the_official_ones(weights):
    golds, said = questions()
    exact, f1 = np.array([squad_scores(*one) for one in zip(golds, said, strict=True)]).T
    has_answer = np.array([any(one) for one in golds])
    w = np.ones(len(golds)) if weights is None else weights
    assert measure_answers(golds, said)(weights) == pytest.approx(
        {
            "f1": np.average(f1, weights=w),
            "exact_match": np.average(exact, weights=w),
            "has_answer_f1": np.average(f1, weights=w * has_answer),
            "has_answer_exact_match": np.average(exact, weights=w * has_answer),
            "no_answer_accuracy": np.average(exact, weights=w * ~has_answer),
        }
    )
