"""One answer from several votes, and how far those who gave them agree."""

import numpy as np
import pytest

from luthier.metrics.agreement import cohen_kappa, interval_alpha, nominal_alpha, span_f1
from luthier.metrics.consensus import dawid_skene, right_votes, vote_shares

ACCURACIES = np.linspace(0.34, 0.9, 6)


def simulated(seed, *, n_items=600, n_labels=3, accuracies=ACCURACIES, filled=0.6):
    """Draw true labels, and votes of annotators of these accuracies; some give none."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_labels, n_items)
    shape = (n_items, len(accuracies))
    wrong = (truth[:, None] + random.integers(1, n_labels, shape)) % n_labels
    votes = np.where(random.random(shape) < accuracies, truth[:, None], wrong)
    votes = np.where(random.random(shape) < filled, votes, -1)
    seen = (votes >= 0).any(axis=1)
    return truth[seen], votes[seen]


def test_sources_that_differ_are_joined_better_than_by_their_votes():
    gains = []
    for seed in range(5):
        truth, votes = simulated(seed)
        majority = vote_shares(votes, 3).argmax(axis=1)
        joined = dawid_skene(votes, 3)
        assert joined.converged
        gains.append((joined.answers == truth).mean() - (majority == truth).mean())
    assert np.mean(gains) > 0.05


def test_each_source_is_credited_with_about_its_accuracy():
    truth, votes = simulated(0, n_items=2000)
    found = np.nanmean(right_votes(dawid_skene(votes, 3), votes), axis=0)
    real = [(votes[:, at] == truth)[votes[:, at] >= 0].mean() for at in range(6)]
    assert found == pytest.approx(real, abs=0.06)


def test_probabilities_are_those_of_bayes_under_the_estimates():
    _, votes = simulated(1, n_items=40)
    found = dawid_skene(votes, 3, tolerance=1e-13, max_steps=5000)
    for item, row in enumerate(votes):
        joint = found.prior.copy()
        for source, vote in enumerate(row):
            if vote >= 0:
                joint *= found.confusion[source, :, vote]
        assert found.probabilities[item] == pytest.approx(joint / joint.sum(), abs=1e-5)


def test_a_source_with_one_item_and_items_with_one_vote_are_no_trouble():
    votes = np.array([[0, 0, -1], [1, 1, -1], [0, -1, -1], [-1, -1, 1], [-1, -1, -1]])
    found = dawid_skene(votes, 2)
    assert found.answers[:4].tolist() == [0, 1, 0, 1]
    assert np.isfinite(found.probabilities).all()
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(5))
    assert np.isnan(right_votes(found, votes)[4]).all()


def test_a_source_that_turns_labels_around_is_told_and_used():
    truth, votes = simulated(2, n_labels=2, accuracies=np.array([0.9, 0.85, 0.85, 0.1]))
    found = dawid_skene(votes, 2)
    assert found.worse_than_chance().tolist() == [False, False, False, True]
    without = dawid_skene(votes[:, :3], 2)
    assert (found.answers == truth).mean() > (without.answers == truth).mean()


def test_a_source_that_always_says_the_same_is_no_worse_than_chance():
    _, votes = simulated(3, n_labels=2, accuracies=np.array([0.9, 0.9, 0.9, 0.5]))
    votes[:, 3] = 1
    assert not dawid_skene(votes, 2).worse_than_chance()[3]


def test_alpha_is_that_of_krippendorffs_example():
    """The nominal and interval examples of "Computing Krippendorff's alpha-reliability" (2011)."""
    absent = -1
    by_unit = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, absent, absent, absent],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, absent, 3],
            [absent, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, absent],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, absent],
        ]
    ).T
    votes = np.where(by_unit == absent, absent, by_unit - 1)
    assert nominal_alpha(votes, 5) == pytest.approx(0.743, abs=5e-4)
    numbers = np.where(by_unit == absent, np.nan, by_unit.astype(float))
    assert interval_alpha(numbers) == pytest.approx(0.849, abs=5e-4)


def test_weights_of_items_count_them_again():
    _, votes = simulated(4, n_items=30)
    weights = np.random.default_rng(0).integers(0, 3, len(votes)).astype(float)
    repeated = np.repeat(votes, weights.astype(int), axis=0)
    assert nominal_alpha(votes, 3, weights) == pytest.approx(nominal_alpha(repeated, 3))
    values = np.where(votes < 0, np.nan, votes.astype(float))
    again = np.where(repeated < 0, np.nan, repeated.astype(float))
    assert interval_alpha(values, weights) == pytest.approx(interval_alpha(again))


def test_alpha_is_undefined_without_two_answers_or_two_labels():
    assert np.isnan(nominal_alpha(np.array([[0, -1], [-1, 1]]), 2))
    assert np.isnan(nominal_alpha(np.array([[0, 0], [0, 0]]), 2))
    assert np.isnan(interval_alpha(np.array([[1.0, np.nan]])))


def test_kappa_is_low_where_one_label_prevails_though_answers_agree():
    one, other = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    one[:5] = 1
    other[5:10] = 1
    found = cohen_kappa(one, other, 2)
    assert found.observed == pytest.approx(0.9)
    assert found.kappa == pytest.approx(-0.0526, abs=1e-4)
    assert found.is_paradox
    assert np.isnan(cohen_kappa(np.array([-1]), np.array([0]), 2).kappa)


def test_entities_agree_only_with_both_borders_and_type():
    one = [[(0, 2, "PER")], [(3, 4, "LOC")], []]
    other = [[(0, 2, "PER")], [(3, 4, "ORG"), (5, 6, "LOC")], []]
    assert span_f1(one, other) == span_f1(other, one) == pytest.approx(2 / 5)
    assert np.isnan(span_f1([[]], [[]]))
