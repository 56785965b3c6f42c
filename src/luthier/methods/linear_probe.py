"""`linear-probe`: freezes the pre-trained model and trains only its head.

The features do not change, so they are computed once, without dropout, and the head is trained on
the stored features; an epoch costs very little. Alain & Bengio 2016,
https://arxiv.org/abs/1610.01644.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.items import Items
from luthier.job import Job
from luthier.metrics.names import lower_is_better
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.protocols import KINDS
from luthier.recipe.tree import Section
from luthier.records import StepInfo

if TYPE_CHECKING:
    from torch import nn


STRENGTHS = (0.003, 0.03, 0.3)  # tried on standardised features, which bear little freedom
USUAL = 0.03  # where there are no validation rows to choose by
STRENGTH = "fitting the head: strengths"


class LinearProbeOptions(Section):
    """Training of the head; everything else follows the training section."""

    solver: Literal["steps", "logistic-regression"] = Field(
        "steps", description="logistic-regression fits a head of one linear layer directly."
    )
    strength: float | None = Field(
        None,
        gt=0,
        description="Inverse regularisation of the logistic regression; null: chosen on validation "
        "rows.",
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate of the head.")
    num_train_epochs: float = Field(20.0, gt=0, description="Epochs over the stored features.")
    per_device_train_batch_size: int = Field(32, ge=1, description="Rows in a training batch.")


class LinearProbe(PlainCheckpoint):
    """Train only the head, on features computed once."""

    name: ClassVar[str] = "linear-probe"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = KINDS
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})
    search_space: ClassVar[Mapping[str, Any]] = {
        "method.options.learning_rate": {"low": 1e-4, "high": 3e-2, "log": True},
        "method.options.num_train_epochs": [10, 20, 40, 80],
        "method.options.per_device_train_batch_size": [16, 32, 64],
    }
    Options = LinearProbeOptions
    options: LinearProbeOptions

    @property
    def head_by_gradient(self) -> bool:
        """Whether steps train the head; a logistic regression is solved."""
        return self.options.solver == "steps"

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Store the features of training and validation rows, then train the head on them."""
        from luthier.frozen_features import features
        from luthier.frozen_features.frozen import finished, refuse_other_loss
        from luthier.models.structure import first_linear, probe_of
        from luthier.training.loop import train

        if self.options.solver == "logistic-regression":
            refuse_other_loss(job)
        probe = probe_of(model)
        model.requires_grad_(False)
        probe.head.requires_grad_(True)
        trunk = features.Features(model, probe.features, of=probe.of)
        stored = {}
        for split in ("train", "validation"):
            phase = f"features of {split}"
            stored[split] = yield from features.store(trunk, job, split, phase=phase)
        first = first_linear(probe.head)
        mean, spread = features.describe(stored["train"], centre=first.bias is not None)
        stored = {split: features.scaled(rows, mean, spread) for split, rows in stored.items()}
        if self.options.solver == "logistic-regression":
            yield from self.solve(probe.head, first, stored, job)
            features.absorb(first, mean, spread)
            yield finished(model, job)
            return model
        settings = {
            **self.options.model_dump(exclude={"solver", "strength"}),
            "tokens_per_batch": None,  # features are one vector per row
        }
        of_head = job.with_problem(items={**job.problem.items, **stored}).with_plan(
            training=job.plan.training.model_copy(update=settings)
        )
        yield from train(features.OnFeatures(probe.head), of_head)
        features.absorb(first, mean, spread)
        return model.eval()

    def solve(
        self, head: nn.Module, only: nn.Linear, stored: Mapping[str, Items], job: Job
    ) -> Generator[StepInfo, None, None]:
        """Fit the head's only layer by logistic regression.

        Raises:
            ModelError: The head has more layers, or rows do not have one label each.
        """
        from luthier.frozen_features.features import features_in
        from luthier.frozen_features.frozen import set_head
        from luthier.frozen_features.linear import fit_heads

        problem = job.problem
        target, metric = problem.codec.target, problem.codec.task.validation_metric
        n_layers = sum(hasattr(part, "out_features") for part in head.modules())
        if n_layers != 1 or target.kind != "single-label":
            raise ModelError(
                "A logistic regression fits one linear layer to one label per row.",
                received=f"a head of {n_layers} layers, answers of kind {target.kind}",
                hint="method.options.solver=steps, or model.pooling=mean for a head of one layer",
            )
        train, validation = features_in(stored["train"]), features_in(stored["validation"])
        answers, strengths = stored["train"].target_array, [self.options.strength or USUAL]
        if self.options.strength is None and len(validation):
            strengths = [*STRENGTHS]
        best, chosen = None, strengths[0]
        fitted = fit_heads(train, answers, target.n_outputs, strengths)
        for number, (strength, made) in enumerate(zip(strengths, fitted, strict=True), start=1):
            score = 0.0
            if len(strengths) > 1:
                logits = {"logits": validation @ made[0].T + made[1]}
                rows = problem.splits.validation
                outputs = problem.codec.outputs(logits, stored["validation"], rows)
                score = problem.validation_scores(outputs)[metric]
                score = -score if lower_is_better(metric) else score
                yield StepInfo(STRENGTH, number, len(strengths), rows=len(answers))
            if best is None or score > best:
                best, chosen = score, strength
                set_head(only, *made)
        if len(strengths) > 1:
            told = f"strength {chosen:g}, chosen by {metric} on the validation rows"
            yield StepInfo(STRENGTH, len(strengths), len(strengths), message=told)
