"""The distances of two sets of vectors are what a refit gives, and chance is seldom rejected."""

import numpy as np
import pytest

from luthier.domains import two_samples
from luthier.domains.two_samples import N_FOLDS, mmd, proxy_a


def gaussians(seed, n=40, width=6, apart=0.0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, width)), apart + draw.normal(size=(n, width))


@pytest.mark.parametrize("measure", [proxy_a, mmd])
def test_sets_that_are_far_apart_are_told_apart_and_more_so_than_near_ones(measure):
    values = []
    for apart in (0.5, 4.0):
        first, second = gaussians(0, apart=apart)
        values.append(measure(first, second, n_permutations=99, draw=np.random.default_rng(0)))
    near, far = values
    assert far.p == 0.01
    assert far.value > near.value > far.null_mean
    assert far.value > far.null_high


def test_a_proxy_distance_of_sets_that_a_line_parts_is_two():
    first, second = gaussians(1, apart=9.0)
    found = proxy_a(first, second, n_permutations=99, draw=np.random.default_rng(0))
    assert found.value == 2.0


@pytest.mark.parametrize("measure", [proxy_a, mmd])
def test_halves_of_one_set_are_seldom_called_different(measure):
    rejected = 0
    for seed in range(60):
        first, second = gaussians(seed)
        found = measure(first, second, n_permutations=99, draw=np.random.default_rng(seed))
        rejected += found.p <= 0.05
    assert rejected <= 8  # of 60; 3 are expected, more than 8 in one case of 300


def test_errors_out_of_fold_are_those_of_classifiers_fitted_without_the_fold():
    first, second = gaussians(3, apart=0.7)
    found = proxy_a(first, second, n_permutations=99, draw=np.random.default_rng(5))
    draw, n = np.random.default_rng(5), len(first)
    folds = np.concatenate([draw.permutation(np.arange(n) % N_FOLDS) for _ in range(2)])
    vectors = np.concatenate([first, second])
    vectors = vectors - vectors.mean(axis=0)
    labels = np.repeat([1.0, -1.0], n)
    gram = vectors.T @ vectors
    penalty = np.trace(gram) / len(gram) * np.eye(len(gram))
    wrong = 0
    for fold in range(N_FOLDS):
        out, own = folds != fold, folds == fold
        x, y = vectors[out], labels[out]
        weights = np.linalg.solve(x.T @ x + penalty, x.T @ y)
        wrong += int((np.sign(vectors[own] @ weights) != labels[own]).sum())
    assert found.value == pytest.approx(2 * (1 - 2 * wrong / len(labels)))


def test_mmd_is_the_mean_kernel_within_less_that_between():
    first, second = gaussians(4, n=12, apart=1.0)
    found = mmd(first, second, n_permutations=99, draw=np.random.default_rng(0))
    both = np.concatenate([first, second])
    squares = ((both[:, None] - both) ** 2).sum(axis=-1)
    kernel = np.exp(-squares / np.median(squares[np.triu_indices(24, 1)]))
    off = ~np.eye(12, dtype=bool)
    within = kernel[:12, :12][off].mean() + kernel[12:, 12:][off].mean()
    assert found.value == pytest.approx(within - 2 * kernel[:12, 12:].mean())


def test_sets_of_equal_vectors_differ_by_nothing():
    same = np.ones((20, 3))
    for measure in (two_samples.proxy_a, two_samples.mmd):
        assert measure(same, same, n_permutations=99, draw=np.random.default_rng(0)).p > 0.05
