"""Comparisons of strategies on plays whose outcome is known, and what is refused."""

import numpy as np
import pytest

from luthier.errors import RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.rehearsal.compared import against_random, labels_saved, reached, sentences_of
from luthier.rehearsal.play import Played
from luthier.rehearsal.rehearse import refuse_too_much, strategies_of

LABELS = np.array([20, 40, 60, 80, 100])


def plays(by, ahead, *, n_seeds=6, noise=0.01, seed=0):
    """Play a strategy that is so many labels ahead of one that is as good as its labels' root."""
    random = np.random.default_rng([seed, *map(ord, by)])
    shared = np.random.default_rng(seed)
    found = []
    for one in range(n_seeds):
        of_seed = shared.normal()  # easy and hard pools, the same for all strategies
        curve = 0.5 + 0.04 * np.sqrt(LABELS + ahead * (LABELS > 20)) + 0.05 * of_seed
        values = curve + noise * random.normal(size=len(LABELS))
        found.append(Played(by, one, values, np.repeat(values[:, None], 9, axis=1), LABELS))
    return found


def test_a_strategy_that_is_ahead_beats_random_though_seeds_differ_more():
    done = {"random": plays("random", 0), "margin": plays("margin", 30)}
    (found,) = against_random(done, "accuracy", confidence=0.95)
    assert found.verdict == "helped"
    assert 0.03 < found.difference.low < found.difference.mean < found.difference.high < 0.1
    assert 20 < found.saved.n < 40
    assert found.saved.low < found.saved.n < found.saved.high
    assert found.saved.of == 100


def test_a_strategy_that_is_behind_is_worse_and_saves_nothing():
    done = {"random": plays("random", 0), "entropy": plays("entropy", -19)}
    (found,) = against_random(done, "accuracy", confidence=0.95)
    assert found.verdict == "hurt"
    assert found.saved.n == 0


def test_where_less_is_better_the_smaller_scores_win():
    done = {"random": plays("random", 0), "margin": plays("margin", 30)}
    flipped = {
        by: [Played(by, one.seed, -one.values, -one.resampled, one.n_labelled) for one in found]
        for by, found in done.items()
    }
    (found,) = against_random(flipped, "log_loss", confidence=0.95)
    assert found.verdict == "helped"
    assert found.saved.n > 20


def test_what_is_no_better_than_random_is_said_to_be_no_different():
    done = {"random": plays("random", 0), "badge": plays("badge", 0), "margin": plays("margin", 0)}
    compared = against_random(done, "accuracy", confidence=0.95)
    assert [one.verdict for one in compared] == ["not distinguishable"] * 2
    said = [*sentences_of(compared, "accuracy", 100)]
    assert "no strategy is better than random" in said[0]
    assert all("no difference from random" in one for one in said[1:])
    assert not any("fewer" in one for one in said)


def test_p_values_are_corrected_for_the_number_of_strategies():
    one = against_random(
        {"random": plays("random", 0), "margin": plays("margin", 1)}, "accuracy", confidence=0.95
    )
    several = against_random(
        {"random": plays("random", 0), "margin": plays("margin", 1), "badge": plays("badge", 0)},
        "accuracy",
        confidence=0.95,
    )
    assert one[0].p_adjusted < several[0].p_adjusted


def test_a_verdict_says_how_many_labels_are_saved():
    done = {"random": plays("random", 0), "margin": plays("margin", 30)}
    compared = against_random(done, "accuracy", confidence=0.95)
    said = [*sentences_of(compared, "accuracy", 100)]
    assert said[0] == "On these rows margin teaches a model sooner than random rows do."
    assert "margin: beats random (+" in said[1]
    assert "it reaches random's score of 100 labels with 7" in said[1]


def test_a_score_that_is_reached_at_once_or_never():
    labels = np.array([20.0, 40.0])
    assert reached(np.array([0.7, 0.8]), 0.6, labels) == 20
    assert reached(np.array([0.5, 0.5]), 0.6, labels) == float("inf")
    never = labels_saved(plays("margin", -19), plays("random", 0), 1.0, 0.95)
    assert (never.n, never.low) == (0, 0)


@pytest.mark.parametrize(
    ("by", "task", "said", "hint"),
    [
        (["margn"], "text-classification", "no query strategy called 'margn'", "margin"),
        (["badge"], "token-classification", "'badge' cannot choose rows", "typiclust"),
        (["random"], "text-classification", "no strategy to compare with random", "--by margin"),
        ([], "text-classification", "no strategy to compare with random", "--by margin"),
        (["margin"], "translation", "its answers are no labels", "classification"),
        (["margin"], "text-regression", "its answers are no labels", "classification"),
    ],
)
def test_strategies_that_cannot_be_played_are_refused(by, task, said, hint):
    with pytest.raises(RecipeError, match=said) as caught:
        strategies_of(by, make_plugin("tasks", Plugin(name=task)))
    assert hint in caught.value.hint


def test_random_is_played_once_and_first():
    task = make_plugin("tasks", Plugin(name="text-classification"))
    assert strategies_of(["margin", "random", "margin"], task) == ["random", "margin"]


@pytest.mark.parametrize(
    ("batch", "rounds", "n_pool", "hint"),
    [
        (20, 14, 599, "--rounds 13"),
        (20, 14, 300, "--rounds 6"),
        (20, 14, 60, "--batch 5 --rounds 5"),
    ],
)
def test_a_rehearsal_that_would_end_with_most_of_the_pool_is_refused(batch, rounds, n_pool, hint):
    with pytest.raises(RecipeError, match="half of the training rows") as caught:
        refuse_too_much(batch, rounds, n_pool)
    assert caught.value.hint == hint
    words = hint.replace("--", "").split()
    asked = {"batch": batch, "rounds": rounds} | {
        key: int(value) for key, value in zip(words[::2], words[1::2], strict=True)
    }
    refuse_too_much(asked["batch"], asked["rounds"], n_pool)


def test_half_of_the_pool_may_be_asked_for():
    refuse_too_much(20, 14, 600)
