"""What is tried within a budget, the likeliest first.

With few labels a class, heads on frozen features and `contrastive` are ahead of full fine-tuning
(Tunstall et al. 2022, https://arxiv.org/abs/2209.11055); with many they seldom are.
Smaller encoders bear larger learning rates: 2e-4 suits one of width 384 where 5e-5 suits 768.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.protocols import Task
from luthier.recipe.checks import fits
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.registry import find
from luthier.studies.few_shot_recipes import of_other_method

FEW = 32  # labels a class up to which pairs are tried before all weights
SCARCE = 16  # labels a class up to which class means are tried
NEIGHBOURS = 64  # labels a class up to which the nearest texts are tried
USUAL_RATE, USUAL_WIDTH = 5e-5, 768
RATES = (1e-5, 3e-4)  # bounds of what is tried
NEAR = 1.5  # ratio of two rates that need not both be tried
AS_WRITTEN = "the recipe as it is"


@dataclass(frozen=True)
class Candidate:
    """Something to try.

    Args:
        name: What it is called.
        method: The method, with its options.
        training: Fields of the training section that it changes.
        model: Fields of the model section that it changes.
        is_frozen: Whether the model is read once and only a head is fitted.
        cost: Time of an epoch, where that of all weights is 1.
    """

    name: str
    method: Mapping[str, Any]
    training: Mapping[str, Any]
    model: Mapping[str, Any]
    is_frozen: bool = False
    cost: float = 1.0

    def recipe(self, base: Recipe, *, epochs: float | None = None) -> Recipe:
        """Make its recipe.

        Args:
            base: The recipe that it changes.
            epochs: Passes over the training rows; None: as the recipe or the method says.

        Raises:
            RecipeError: It does not fit the recipe's other fields.
        """
        tree = base.model_dump(mode="json")
        if self.method["name"] != base.method.name:
            tree["training"] = of_other_method(
                tree["training"], base.method.name, self.method["name"]
            )
        if self.name != AS_WRITTEN:
            tree["method"] = dict(self.method)
        tree["training"] |= self.training
        if epochs is not None:
            tree["training"] |= {"num_train_epochs": epochs, "max_steps": -1}
        tree["model"] |= self.model
        return read_recipe(tree)


def likely_rate(width: int) -> float:
    """Return the learning rate that suits an encoder of such a width.

    >>> likely_rate(768), likely_rate(384), likely_rate(2048)
    (5e-05, 0.0002, 1e-05)
    """
    rate = USUAL_RATE * (USUAL_WIDTH / max(1, width)) ** 2
    return float(f"{min(max(rate, RATES[0]), RATES[1]):.1g}")


def frozen_candidates(base: Recipe, task: Task, per_class: float) -> list[Candidate]:
    """List heads on frozen features, the likeliest first."""
    mean = {"pooling": "mean"} if base.model.pooling == "default" else {}
    found: list[Candidate] = []
    if _can("linear-probe", task) and task.kind == "single-label":
        found = [_frozen("linear-probe", {"solver": "logistic-regression"}, mean)]
    elif _can("linear-probe", task):
        found = [_frozen("linear-probe", {}, mean)]
    if per_class <= SCARCE and _can("prototypes", task):
        found.append(_frozen("prototypes", {}, mean))
    if per_class <= NEIGHBOURS and _can("knn", task):
        found.append(_frozen("knn", {}, mean))
    return found


def _frozen(name: str, options: Mapping[str, Any], model: Mapping[str, Any]) -> Candidate:
    return Candidate(name, {"name": name, "options": dict(options)}, {}, model, True)


def tuned_candidates(base: Recipe, task: Task, *, per_class: float, width: int) -> list[Candidate]:
    """List what trains the model, the likeliest first; the recipe as it is among them."""
    method = base.method.model_dump(mode="json")
    as_written = Candidate(AS_WRITTEN, method, {}, {})
    likely, found = likely_rate(width), []
    is_full = base.method.name == "full"
    full = {"name": "full", "options": {}} if not is_full else method
    own = base.training.learning_rate if is_full else None
    if _can("full", task):
        found = [
            Candidate(f"full, learning rate {rate:g}", full, {"learning_rate": rate}, {})
            for rate in (likely, likely / 2)
            if own is None or not own / NEAR < rate < own * NEAR
        ]
    found.insert(1 if found else 0, as_written)
    if _can("contrastive", task) and base.training.tokens_per_batch is None:
        size = {"per_device_train_batch_size": max(32, base.training.per_device_train_batch_size)}
        options = {"name": "contrastive", "options": {}}
        pairs = Candidate("contrastive", options, size, {}, cost=1.4)  # features are read after it
        found.insert(0 if per_class <= FEW else len(found), pairs)
    for name, cost in (("lora", 0.8), ("top-layers", 0.4)):
        if _can(name, task) and base.method.name != name:
            found.append(Candidate(name, {"name": name, "options": {}}, {}, {}, cost=cost))
    return found


def _can(name: str, task: Task) -> bool:
    return bool(fits(find("methods", name), task))
