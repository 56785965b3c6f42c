"""Linear models on fixed features, by scikit-learn, which several baselines use.

Their regularisation is chosen on the validation rows, so that the baselines are not weak.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from luthier.job import Job
from luthier.metrics.names import lower_is_better
from luthier.ragged import Array
from luthier.records import Outputs, StepInfo, Target

STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # inverse regularisation: larger trusts the training rows more
FAR = -30.0  # logit of labels without a training row


def fit_linear(
    job: Job, features: Mapping[str, Any], *, phase: str
) -> Generator[StepInfo, None, dict[str, Outputs]]:
    """Fit linear models of several strengths and keep the best on validation.

    Args:
        job: The job, whose training rows have the gold labels and which scores validation.
        features: A dense or sparse matrix (rows, width) for each split.
        phase: Name of this phase in progress reports.

    Returns:
        Outputs (rows, outputs) of each scored split.
    """
    codec: Any = job.problem.codec
    targets = codec.to_targets(job.problem.gold["train"])
    best: tuple[float, Callable[[Any], Outputs]] | None = None
    has_validation = features["validation"].shape[0] > 0
    strengths = STRENGTHS if has_validation else (1.0,)
    for number, strength in enumerate(strengths, start=1):
        outputs_of = fit_outputs(job.problem.codec.target, features["train"], targets, strength)
        score = 0.0
        if has_validation:
            sign = -1.0 if lower_is_better(job.problem.codec.task.validation_metric) else 1.0
            score = (
                sign
                * job.problem.validation_scores(outputs_of(features["validation"]))[
                    job.problem.codec.task.validation_metric
                ]
            )
        if best is None or score > best[0]:
            best = (score, outputs_of)
        yield StepInfo(phase, number, len(strengths), rows=len(targets))
    if best is None:
        raise ValueError("no strength was tried")
    nothing = np.empty((0, job.problem.codec.target.n_outputs), dtype=np.float32)
    return {
        split: best[1](features[split]) if features[split].shape[0] else nothing
        for split in job.problem.scored_splits
    }


def fit_outputs(
    target: Target, features: Any, targets: Array, strength: float
) -> Callable[[Any], Outputs]:
    """Fit a linear model; return the function from features to outputs (rows, outputs).

    Args:
        target: What is predicted.
        features: A dense or sparse matrix, (rows, width).
        targets: Standardised numbers, label indicators, or label ids of two labels at least.
        strength: Inverse regularisation.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    if target.kind == "number":
        ridge = Ridge(alpha=1.0 / strength, solver="auto").fit(features, targets)
        return lambda rows: ridge.predict(rows).reshape(-1, 1).astype(np.float32)
    if target.kind == "multi-label":
        columns = [_fit_one_label(features, column, strength) for column in targets.T]
        return lambda rows: np.stack([column(rows) for column in columns], axis=1)
    model = LogisticRegression(C=strength, max_iter=300)
    _without_convergence_warning(model, features, targets)

    def outputs_of(rows: Any) -> Outputs:
        outputs = np.full((rows.shape[0], target.n_outputs), FAR, dtype=np.float32)
        outputs[:, model.classes_] = np.maximum(model.predict_log_proba(rows), FAR)
        return outputs

    return outputs_of


def fit_head(
    features: Array, answers: Array, n_outputs: int, strength: float
) -> tuple[Array, Array]:
    """Fit a logistic regression that can be the last layer of a model.

    Args:
        features: Features of the rows, (rows, width).
        answers: Label ids, (rows,).
        n_outputs: Number of labels; labels without a row are never predicted.
        strength: Inverse of the regularisation strength.

    Returns:
        Weight (outputs, width) and bias (outputs,) of a linear layer.
    """
    return next(fit_heads(features, answers, n_outputs, [strength]))


def fit_heads(
    features: Array, answers: Array, n_outputs: int, strengths: Sequence[float]
) -> Iterator[tuple[Array, Array]]:
    """Fit one head for each strength, as `fit_head` does, each begun at the one before."""
    from sklearn.linear_model import LogisticRegression

    known = np.unique(answers)
    model = LogisticRegression(max_iter=1000, warm_start=True)
    for strength in strengths:
        weight = np.zeros((n_outputs, features.shape[1]), dtype=np.float32)
        bias = np.full(n_outputs, FAR, dtype=np.float32)
        if len(known) == 1:
            bias[known] = 0.0
            yield weight, bias
            continue
        model.set_params(C=strength)
        _without_convergence_warning(model, features, answers)
        if len(known) == 2:  # scikit-learn keeps one row of weights for two classes
            weight[known] = np.concatenate([-model.coef_, model.coef_]) / 2
            bias[known] = np.concatenate([-model.intercept_, model.intercept_]) / 2
        else:
            weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
        yield weight, bias


def _fit_one_label(features: Any, column: Array, strength: float) -> Callable[[Any], Outputs]:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(column)) == 1:
        constant = -FAR if column[0] else FAR
        return lambda rows: np.full(rows.shape[0], constant, dtype=np.float32)
    model = LogisticRegression(C=strength, max_iter=300, solver="liblinear", random_state=0)
    _without_convergence_warning(model, features, column)
    return lambda rows: model.decision_function(rows).astype(np.float32)


def _without_convergence_warning(model: Any, features: Any, targets: Array) -> None:
    """Fit a model; an optimum that is not exact to the last digit is good enough here.

    Few rows of many labels are labels all the same, which scikit-learn doubts.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        model.fit(features, targets)
