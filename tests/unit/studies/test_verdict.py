"""The sentences of a study: true of every level they speak of."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from luthier.studies.outcomes import SystemScores
from luthier.studies.results import sum_up
from luthier.studies.trial import Cost, Trial


def outcomes_of(scores, spreads=(0.0, 1e-4, 2e-4, 3e-4)):
    """Make outcomes from level to arm to mean score."""
    return [
        SystemScores(
            Trial(arm, level, seed, None),
            "fine-tuned",
            {"accuracy": value + spread * (1 + len(arm))},
            np.full(50, value),
            100,
            Cost(),
        )
        for level, arms in scores.items()
        for arm, value in arms.items()
        for seed, spread in enumerate(spreads)
    ]


def said(scores, unit="labels a class", **more):
    """Sum up and give the sentences."""
    made = outcomes_of(scores, **more)
    return sentences(made, unit)


def sentences(systems, unit):
    """Sum up what a study of that unit found."""
    study = SimpleNamespace(name="s", metric="accuracy", confidence=0.95, unit=unit, notes=[])
    return sum_up(study, systems, [], folder=Path("out")).sentences


def test_the_verdict_says_from_where_on_which_is_best():
    (sentence,) = said(
        {"16": {"contrastive": 0.83, "full": 0.7}, "200": {"contrastive": 0.85, "full": 0.9}}
    )
    assert sentence == (
        "With 16 labels a class, contrastive is best (83.2 ± 0.2); from 200 on full fine-tuning is."
    )


def test_stretches_in_the_middle_have_an_end():
    (sentence,) = said(
        {
            "4": {"a": 0.8, "b": 0.6, "c": 0.5},
            "8": {"a": 0.9, "b": 0.7, "c": 0.5},
            "16": {"a": 0.5, "b": 0.9, "c": 0.6},
            "full": {"a": 0.5, "b": 0.6, "c": 0.9},
        }
    )
    assert sentence.startswith("With 4 to 8 labels a class, a is best (80.0 ± 0.0 to 90.0 ± 0.0); ")
    assert sentence.endswith("; with 16 b is; with all c is.")


def test_doubt_names_its_levels_alone():
    first, second = said_with_noise()
    assert first.startswith("With 4 to 16 labels a class, a is ahead")
    assert second == "With 4 and 16 labels a class, a is not told apart from b."


def said_with_noise():
    """Two levels at which draws differ more than arms, around one at which they do not."""
    made = []
    for level, gap in (("4", 0.01), ("8", 0.5), ("16", 0.01)):
        for seed, noise in enumerate((0.1, -0.1, 0.05)):
            for arm, value in (("a", 0.7 + gap + noise / 10), ("b", 0.7 - noise / 10)):
                drawn = np.full(50, value)
                if gap < 0.1:
                    value += noise if arm == "a" else -noise
                made.append(
                    SystemScores(
                        Trial(arm, level, seed, None),
                        "fine-tuned",
                        {"accuracy": value},
                        drawn,
                        9,
                        Cost(),
                    )
                )
    return sentences(made, "labels a class")


def test_two_recipes_that_are_alike_are_said_to_be():
    first, second = said({"": {"a": 0.7, "b": 0.7}}, unit="")
    assert "is ahead" in first
    assert "best" not in first
    assert second.endswith("is not told apart from b.")


def test_one_arm_alone_is_not_best():
    (sentence,) = said({"": {"topics": 0.8}}, unit="", spreads=(0.0, 0.01, 0.002))
    assert "best" not in sentence
    assert sentence.startswith("topics has a mean of 82.8 (95% interval ")
    assert sentence.endswith(", spread 3.7, 3 seeds).")
