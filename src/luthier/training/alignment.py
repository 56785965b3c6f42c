"""Hooks that train on labelled rows of one domain and pull the features of another to them.

In every step as many texts without labels are drawn as the batch has rows, by (seed, step, batch),
so that an interrupted training goes on with the same ones. Both pass the model; how far they are
apart is added to the mean loss. `coral` and `dann` of `methods/` use them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from luthier.codec import Codec
from luthier.errors import ModelError, RecipeError
from luthier.hf_types import Model
from luthier.items import Batch, Items
from luthier.job import Job, Regulariser
from luthier.models.pooling import last_token
from luthier.models.speedups.host_copies import on_device
from luthier.models.trained_head import last_layer
from luthier.records import StepInfo
from luthier.seeding import stream
from luthier.training.loop import train
from luthier.training.model_calls import run_model, to_tensors

Seen = tuple[Tensor, ...]  # what the last layer read, and what it gave, (batch, …) each
CLASSIFIER = "domain_classifier"  # attribute of a model while it trains


class Aligned(Regulariser):
    """Adds how far labelled and unlabelled rows are apart.

    Args:
        codec: Makes batches of the unlabelled rows.
        items: These rows, encoded.
        layer: The head's last layer, whose inputs and outputs are seen.
        weight: Of the distance beside the mean loss.
        seed: The run's seed.
    """

    by_rows: ClassVar[bool] = False
    by_batch: ClassVar[bool] = True
    cost: ClassVar[float] = 2.0

    def __init__(self, codec: Codec, items: Items, layer: nn.Linear, *, weight: float, seed: int):
        self.codec, self.items, self.layer = codec, items, layer
        self.weight, self.seed = weight, seed
        self.step = self.n_steps = self.number = 0

    def around_step(
        self, model: nn.Module, step: int, n_steps: int
    ) -> AbstractContextManager[None]:
        """Note the step."""
        self.step, self.n_steps = step, n_steps
        return nullcontext()

    def before_gradient(self, model: nn.Module) -> None:
        """Count the batches of the step from the first."""
        self.number = 0

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Compute the loss of labelled rows, and how far others are apart from them."""
        seen: list[tuple[Tensor, Tensor]] = []
        handle = self.layer.register_forward_hook(
            lambda _, inputs, outputs: seen.append((inputs[0], outputs))
        )
        drawn = self.drawn(batch.n_items)
        try:
            total = compute(batch)
            with on_device(drawn, total.device) as moved:
                run_model(cast(Model, model), moved)
        finally:
            handle.remove()
        source, target = (
            tuple(one_a_text(part, given) for part in passed)
            for passed, given in (
                (seen[0], batch),
                (seen[-1], drawn),
            )  # regularisers may pass twice
        )
        return total + self.weight * batch.n_items * self.apart(model, source, target)

    def drawn(self, n_items: int) -> Batch[Tensor]:
        """Draw a batch of unlabelled rows."""
        draw = stream(self.seed, "target", self.step, self.number)
        self.number += 1
        n = len(self.items)
        chosen = draw.choice(n, n_items, replace=n_items > n)
        return to_tensors(self.codec.batch(self.items, chosen, kind="logits"))

    def apart(self, model: nn.Module, source: Seen, target: Seen) -> Tensor:
        """Measure how far rows are apart by what the last layer read and gave, (batch, …) each."""
        raise NotImplementedError


class Coral(Aligned):
    """The distance of two covariances, ‖C_s − C_t‖²_F / 4d², of outputs or of features.

    Sun and Saenko 2016, section 3.1, https://arxiv.org/abs/1607.01719, who compare outputs.
    """

    def __init__(self, *given: Any, of: str, **options: Any):
        super().__init__(*given, **options)
        self.place = 1 if of == "outputs" else 0

    def apart(self, model: nn.Module, source: Seen, target: Seen) -> Tensor:
        """Compare the covariances of two batches; nothing where a batch is one row."""
        first, second = source[self.place].float(), target[self.place].float()
        if len(first) < 2:
            return first.sum() * 0.0
        return covariance_distance(first, second)


def covariance_distance(source: Tensor, target: Tensor) -> Tensor:
    """Compute ‖C_s − C_t‖²_F / 4d², C the unbiased covariances of rows, (rows, d) each."""
    width = source.shape[1]
    difference = torch.cov(source.T).reshape(width, width) - torch.cov(target.T).reshape(
        width, width
    )
    return (difference**2).sum() / (4 * width**2)


class Dann(Aligned):
    """A classifier of domains, whose gradient reaches the features reversed.

    Ganin et al. 2016, section 4, https://arxiv.org/abs/1505.07818; the reversal grows from 0 to 1
    as λ = 2 / (1 + exp(−10 p)) − 1, p the share of the steps done (section 5.2.2).
    """

    def apart(self, model: nn.Module, source: Seen, target: Seen) -> Tensor:
        """Compute the domain classifier's mean loss on both batches."""
        features = torch.cat([source[0], target[0]]).float()
        passed = Reversed.apply(features, reversal(self.step, self.n_steps))  # type: ignore[no-untyped-call]
        logits = getattr(model, CLASSIFIER)(passed).squeeze(-1)
        is_target = torch.zeros_like(logits)
        is_target[len(source[0]) :] = 1.0
        return functional.binary_cross_entropy_with_logits(logits, is_target)


def one_a_text(values: Tensor, batch: Batch[Tensor]) -> Tensor:
    """Take the vector of each text, (batch, …), of a head that looks at every token: the last."""
    if values.ndim == 2:
        return values
    mask = batch.inputs["attention_mask"].to(values.device)
    return last_token(values, mask)


def reversal(step: int, n_steps: int) -> float:
    """Return λ at a step.

    >>> reversal(0, 10), round(reversal(10, 10), 4)
    (0.0, 0.9999)
    """
    return 2 / (1 + math.exp(-10 * step / max(1, n_steps))) - 1


class Reversed(torch.autograd.Function):
    """Pass values on as they are, and their gradient times −λ."""

    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        """Return the values."""
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Reverse the gradient."""
        return -context.strength * gradients[0], None


def layer_of(model: Model, n_labels: int) -> nn.Linear:
    """Find the last layer of a head.

    Raises:
        ModelError: The head ends in no linear layer.
    """
    found = last_layer(model, n_labels)
    if found is None:
        raise ModelError(
            "The last layer of this model's head cannot be found.",
            received=model.config.model_type,
            hint="model.pooling=mean, or method=full",
        )
    return found[1]


def aligned_with(model: Model, job: Job, weight: float) -> dict[str, Any]:
    """Encode a job's unlabelled rows, and give what a hook is made of.

    Raises:
        RecipeError: There are none.
    """
    rows, codec = job.problem.unlabelled, job.problem.codec
    if rows is None:
        raise RecipeError(
            "Two domains are brought together by unlabelled texts of the second.",
            received="no data.unlabelled",
            hint="method.options.target=FILE, whose columns are named as those of data.train",
        )
    return {
        "codec": codec,
        "items": codec.encode(rows),
        "layer": layer_of(model, codec.target.n_outputs),
        "weight": weight,
        "seed": job.plan.training.seed,
    }


def train_aligned(
    model: Model, job: Job, hook: Aligned, name: str
) -> Generator[StepInfo, None, Model]:
    """Train with a hook, and say by which rows the weights were chosen."""
    kept = {**job.problem.items, "target": hook.items}  # their words are trained too
    settings = job.plan.training
    if hasattr(model, "score"):  # such heads look at every token, and padding tells texts apart
        settings = settings.model_copy(update={"unpadded": False})
    hooks = (*job.plan.regularisers, hook)
    hooked = job.with_problem(items=kept).with_plan(training=settings, regularisers=hooks)
    model = yield from train(model, hooked)
    n = len(job.problem.items["validation"])
    by = f"{n:,} validation rows of the source" if n else "nothing, as there are no validation rows"
    message = (
        f"{name} drew on {len(hook.items):,} texts of the target without labels. Its weights were "
        f"chosen by {by}: what is best there need not be best on the target, and no number here "
        "but the test scores speaks of that."
    )
    yield StepInfo(f"texts of the target ({name})", 1, 1, message=message, is_lasting=True)
    return model


@contextmanager
def classifier_of_domains(model: Model, layer: nn.Linear, hidden: int) -> Iterator[None]:
    """Put a classifier of domains beside a model while it trains."""
    parts = (nn.Linear(layer.in_features, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    model.add_module(CLASSIFIER, nn.Sequential(*parts).to(layer.weight.device))
    try:
        yield
    finally:
        delattr(model, CLASSIFIER)
