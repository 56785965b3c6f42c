"""Heads that are fitted without steps give what scikit-learn and the formulas give."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from luthier.frozen_features.class_means import head_of_means
from luthier.frozen_features.linear import fit_head
from luthier.models.heads import NearestNeighbours
from luthier.objective import Objective
from luthier.training.losses import make_loss
from luthier.training.pair_sampler import PairOrder

RANDOM = np.random.default_rng(0)
ANSWERS = np.arange(90) % 3
FEATURES = RANDOM.normal(size=(90, 5)) + 2.0 * np.eye(3, 5)[ANSWERS]
NEW = RANDOM.normal(size=(40, 5)) * 2


def test_the_nearest_mean_wins():
    weight, bias = head_of_means(FEATURES, ANSWERS, 3, distance="euclidean")
    means = np.stack([FEATURES[label == ANSWERS].mean(axis=0) for label in range(3)])
    nearest = ((NEW[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert ((NEW @ weight.T + bias).argmax(axis=1) == nearest).all()


def test_mahalanobis_is_linear_discriminant_analysis():
    weight, bias = head_of_means(FEATURES, ANSWERS, 3, distance="mahalanobis")
    given = (NEW @ weight.T + bias).argmax(axis=1)
    means = np.stack([FEATURES[label == ANSWERS].mean(axis=0) for label in range(3)])
    covariance, _ = ledoit_wolf(FEATURES - means[ANSWERS], assume_centered=True)
    away = NEW[:, None] - means[None]
    far = np.einsum("ncw,wv,ncv->nc", away, np.linalg.inv(covariance), away)
    assert (given == far.argmin(axis=1)).all()
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(FEATURES, ANSWERS)
    assert (given == theirs.predict(NEW)).mean() >= 0.9  # it shrinks after scaling each feature


@pytest.mark.parametrize("distance", ["euclidean", "mahalanobis"])
@pytest.mark.parametrize("answers", [np.array([0, 1, 2]), np.array([0, 0, 2]), np.zeros(3, int)])
def test_one_row_or_none_of_a_label_is_enough(distance, answers):
    weight, bias = head_of_means(FEATURES[:3], answers, 3, distance=distance)
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()
    given = (FEATURES[:3] @ weight.T + bias).argmax(axis=1)
    assert set(given) <= set(answers)


def test_probabilities_of_means_are_not_too_sure():
    weight, bias = head_of_means(FEATURES, ANSWERS, 3, distance="euclidean")
    logits = torch.from_numpy(FEATURES @ weight.T + bias)
    sure = logits.softmax(-1).max(-1).values.mean()
    right = (logits.argmax(-1).numpy() == ANSWERS).mean()
    assert abs(float(sure) - right) < 0.15


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_fitted_head_is_the_logistic_regression(n_labels):
    answers = ANSWERS % n_labels
    weight, bias = fit_head(FEATURES, answers, n_labels, 1.0)
    theirs = LogisticRegression(C=1.0, max_iter=1000).fit(FEATURES, answers)
    ours = torch.from_numpy(NEW @ weight.T + bias).softmax(-1)
    assert np.allclose(ours, theirs.predict_proba(NEW), atol=1e-4)


def test_a_label_without_rows_is_never_given():
    weight, bias = fit_head(FEATURES, np.where(ANSWERS == 1, 0, ANSWERS), 3, 1.0)
    assert 1 not in (NEW @ weight.T + bias).argmax(axis=1)


def test_the_only_neighbour_gives_its_label():
    head = NearestNeighbours(5, 3, n_rows=90, k=1, temperature=0.1)
    keys = torch.from_numpy(FEATURES).float()
    head.keys.copy_(torch.nn.functional.normalize(keys, dim=-1))
    head.values.copy_(torch.eye(3)[torch.from_numpy(ANSWERS)])
    assert (head(keys).argmax(-1).numpy() == ANSWERS).all()


def test_more_neighbours_than_rows_are_all_rows():
    head = NearestNeighbours(5, 2, n_rows=2, k=10, temperature=0.1)
    head.keys.copy_(torch.eye(2, 5))
    head.values.copy_(torch.eye(2))
    assert head(torch.ones(1, 5)).exp().sum() == pytest.approx(1.0, abs=1e-4)


def test_every_text_stands_once_in_an_epoch_beside_others_of_its_label():
    answers = np.repeat(np.arange(10), 8)
    order = PairOrder(answers, batch_size=16, together=4, seed=3)
    for epoch in range(3):
        order.set_epoch(epoch)
        batches = list(order)
        assert len(batches) == len(order) == 5
        assert sorted(text for batch in batches for text in batch) == list(range(80))
        for batch in batches:
            counts = np.bincount(answers[batch])
            assert counts.max() >= 2
            assert (counts > 0).sum() >= 2


@pytest.mark.parametrize("batch_size", [4, 6])
def test_small_batches_have_room_for_two_labels(batch_size):
    answers = np.repeat(np.arange(8), 12)
    batches = list(PairOrder(answers, batch_size=batch_size, together=4, seed=0))
    counts = [np.bincount(answers[batch]) for batch in batches]
    assert all(count.max() >= 2 for count in counts)
    # Two chunks of one label may meet by chance, in about one of eight batches.
    assert np.mean([(count > 0).sum() >= 2 for count in counts]) > 0.6


def test_orders_differ_by_epoch_and_go_on_where_they_stopped():
    order = PairOrder(np.arange(40) % 4, batch_size=8, together=4, seed=0)
    first = list(order)
    order.set_epoch(1)
    assert list(order) != first
    order.set_epoch(0)
    order.skipped = 2
    assert list(order) == first[2:]
    assert list(order) == first


def test_the_contrastive_loss_is_the_mean_over_pairs():
    features = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    loss = make_loss(Objective("contrastive"), torch.device("cpu"))
    said = type("Said", (), {"logits": features})()
    unit = torch.nn.functional.normalize(features, dim=-1)
    equal, unequal = [], []
    for one in range(6):
        for other in range(one + 1, 6):
            cosine = float(unit[one] @ unit[other])
            is_equal = labels[one] == labels[other]
            (equal if is_equal else unequal).append((cosine - float(is_equal)) ** 2)
    wanted = (np.mean(equal) + np.mean(unequal)) / 2
    assert float(loss.total(said, labels, None) / loss.weight(labels, None)) == pytest.approx(
        wanted, rel=1e-5
    )


def test_few_rows_of_many_labels_are_fitted_without_a_doubt():
    answers = np.array([0, 1, 2, 3, 4, 5, 6, 0])
    weight, bias = fit_head(np.eye(8), answers, 7, 1.0)  # a warning would fail it
    assert ((np.eye(8) @ weight.T + bias).argmax(axis=1) == answers).all()
