"""Tracks the best weights, and stops a training that no longer improves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from luthier.errors import RecipeError
from luthier.metrics.names import lower_is_better
from luthier.recipe.tree import Training


class Best:
    """Tracks one metric over the evaluations of a training.

    Only trained parameters are copied, and none at the last evaluation, whose weights are still
    in the model.

    Args:
        metric: The metric, unless the settings name another.
        settings: The recipe's training section.
    """

    def __init__(self, metric: str, settings: Training):
        self.metric = settings.metric_for_best_model or metric
        self.keep = settings.load_best_model_at_end
        self.patience = settings.early_stopping_patience
        self.threshold = settings.early_stopping_threshold
        self.sign = -1.0 if lower_is_better(self.metric) else 1.0
        self.score = -float("inf")
        self.n_waited = 0
        self.weights: dict[str, torch.Tensor] | None = None

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.n_waited >= self.patience

    @property
    def verdict(self) -> str:
        """Why training stopped early."""
        return f"stopped early: {self.metric} did not improve for {self.n_waited} evaluations"

    def see(self, scores: Mapping[str, float], model: nn.Module, *, is_last: bool) -> bool:
        """Record the scores of an evaluation; return whether they are the best so far."""
        if self.metric not in scores:
            raise RecipeError(
                f"There is no metric called '{self.metric}' to choose the best model by.",
                received=self.metric,
                hint=f"training.metric_for_best_model=one of {', '.join(sorted(scores))}",
            )
        score = self.sign * scores[self.metric]
        self.n_waited = 0 if score > self.score + self.threshold else self.n_waited + 1
        if not score > self.score:
            return False
        self.score = score
        if self.keep:
            self.weights = None if is_last else _copy(model)
        return True

    def restore(self, model: nn.Module) -> None:
        """Restore the best weights, unless they are the current ones."""
        if self.weights is not None:
            model.load_state_dict(self.weights, strict=False)


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {
        name: values.detach().clone()
        for name, values in model.state_dict().items()
        if name in trained
    }
