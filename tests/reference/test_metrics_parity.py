"""Metrics agree with scikit-learn, scipy and statsmodels, weighted rows included."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, softmax
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from luthier.metrics.calibration import expected_calibration_error, fit_temperature, reliability
from luthier.metrics.classification import confusion, measure_classification, per_label
from luthier.metrics.multilabel import measure_multi_label, per_label_multi
from luthier.metrics.regression import measure_regression
from luthier.metrics.significance import holm, mcnemar_exact, rows_needed

N = 300


def classification(n_labels, seed=0):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, n_labels, N)
    logits = rng.normal(size=(N, n_labels)).round(1)  # rounded: there are ties
    logits[np.arange(N), gold] += 1
    p = softmax(logits, axis=1)
    return gold, p.argmax(axis=1), p


WEIGHTINGS = [None, np.random.default_rng(1).integers(0, 4, N).astype(float)]


@pytest.mark.parametrize("weights", WEIGHTINGS)
@pytest.mark.parametrize("n_labels", [2, 5])
def test_classification_is_scikit_learns(n_labels, weights):
    gold, said, p = classification(n_labels)
    ours = measure_classification(gold, said, p, n_labels=n_labels)(weights)
    weighted = {"sample_weight": weights}
    f1, precision, recall = sk.f1_score, sk.precision_score, sk.recall_score
    auc = (
        sk.roc_auc_score(gold, p[:, 1], **weighted)
        if n_labels == 2
        else np.mean([sk.roc_auc_score(gold == k, p[:, k], **weighted) for k in range(n_labels)])
    )
    expected = {
        "accuracy": sk.accuracy_score(gold, said, **weighted),
        "balanced_accuracy": sk.balanced_accuracy_score(gold, said, **weighted),
        "macro_f1": f1(gold, said, average="macro", **weighted),
        "micro_f1": f1(gold, said, average="micro", **weighted),
        "weighted_f1": f1(gold, said, average="weighted", **weighted),
        "macro_precision": precision(gold, said, average="macro", **weighted),
        "macro_recall": recall(gold, said, average="macro", **weighted),
        "mcc": sk.matthews_corrcoef(gold, said, **weighted),
        "auc": auc,
        "log_loss": sk.log_loss(gold, p, **weighted),
        "brier": sk.brier_score_loss(gold, p, **weighted),
    }
    assert ours == pytest.approx(expected)


@pytest.mark.parametrize("weights", WEIGHTINGS)
def test_labels_by_themselves_are_scikit_learns(weights):
    gold, said, _ = classification(4)
    table = confusion(gold, said, n_labels=4, weights=weights)
    assert np.allclose(table, sk.confusion_matrix(gold, said, sample_weight=weights))
    expected = sk.precision_recall_fscore_support(gold, said, sample_weight=weights)
    assert np.allclose(per_label(table), expected)


@pytest.mark.parametrize("weights", WEIGHTINGS)
def test_multi_label_is_scikit_learns(weights):
    rng = np.random.default_rng(2)
    gold = (rng.random((N, 4)) < 0.4).astype(int)
    p = expit(rng.normal(size=(N, 4)) + 1.5 * gold - 1)
    said = (p >= 0.5).astype(int)
    ours = measure_multi_label(gold, said, p)(weights)
    weighted = {"sample_weight": weights}
    expected = {
        f"{average}_f1": sk.f1_score(gold, said, average=average, zero_division=0, **weighted)
        for average in ("micro", "macro", "weighted", "samples")
    } | {
        "subset_accuracy": sk.accuracy_score(gold, said, **weighted),
        "hamming_loss": sk.hamming_loss(gold, said, **weighted),
        "auc": sk.roc_auc_score(gold, p, average="macro", **weighted),
        "log_loss": np.mean([sk.log_loss(gold[:, k], p[:, k], **weighted) for k in range(4)]),
        "brier": np.average(((p - gold) ** 2).mean(axis=1), weights=weights),
    }
    assert ours == pytest.approx(expected)
    by_label = sk.precision_recall_fscore_support(gold, said, zero_division=0, **weighted)
    assert np.allclose(per_label_multi(gold, said, weights), by_label)


@pytest.mark.parametrize("weights", WEIGHTINGS)
def test_regression_is_scikit_learns_and_scipys(weights):
    rng = np.random.default_rng(3)
    gold = rng.normal(size=N).round(1)
    said = (gold + rng.normal(size=N)).round(1)
    ours = measure_regression(gold, said)(weights)
    repeated = np.repeat(np.arange(N), 1 if weights is None else weights.astype(int))
    a, b = gold[repeated], said[repeated]
    expected = {
        "pearson": stats.pearsonr(a, b).statistic,
        "spearman": stats.spearmanr(a, b).statistic,
        "mae": sk.mean_absolute_error(a, b),
        "rmse": sk.root_mean_squared_error(a, b),
        "r2": sk.r2_score(a, b),
    }
    assert ours == pytest.approx(expected)


def test_mcnemar_is_statsmodels():
    rng = np.random.default_rng(4)
    a, b = rng.random(N) < 0.8, rng.random(N) < 0.7
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert mcnemar_exact(a, b) == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_holm_is_statsmodels():
    p_values = np.random.default_rng(5).random(8) ** 3
    assert holm(list(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_rows_needed_follow_the_power_of_a_paired_test():
    from statsmodels.stats.power import TTestPower

    expected = TTestPower().solve_power(0.05, power=0.8, alpha=0.05)
    assert rows_needed(0.05, 1.0) == pytest.approx(expected, rel=0.01)


def test_temperature_undoes_a_known_scaling():
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(4000, 3))
    p = softmax(logits, axis=1)
    gold = (p.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)
    assert fit_temperature(logits * 3, gold) == pytest.approx(3.0, rel=0.15)
    bins = reliability(p.max(axis=1), p.argmax(axis=1) == gold)
    assert expected_calibration_error(bins) < 0.03
    assert sum(one["count"] for one in bins) == 4000
