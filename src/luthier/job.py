"""What a method or a baseline is given: a problem, where it is computed, and how it is trained.

`build_problem.py` makes a job; methods change parts of it with `with_problem`, `with_session` and
`with_plan` before they hand it to `training/loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from luthier.codec import Codec
from luthier.items import Batch, Items
from luthier.objective import Objective
from luthier.records import Outputs, Splits


@dataclass(frozen=True)
class Problem:
    """What is learned, and from which rows.

    Args:
        codec: The task, bound to its target and processor.
        splits: The rows.
        items: The encoded rows of every split; validation may be empty.
        gold: The gold answers of every split.
    """

    codec: Codec
    splits: Splits
    items: Mapping[str, Items]
    gold: Mapping[str, Any]

    @property
    def scored_splits(self) -> tuple[str, ...]:
        """The splits whose outputs are needed: validation too, where decoding is tuned on it."""
        return ("validation", "test") if self.codec.task.needs_validation_outputs else ("test",)

    def validation_scores(self, outputs: Outputs) -> dict[str, float]:
        """Score outputs of the validation rows during training."""
        return self.codec.validation_scores(outputs, self.gold["validation"])


@dataclass(frozen=True)
class Session:
    """Where and by what a training is computed.

    Args:
        make_model: `make_model(pretrained)` gives a fresh model, with random weights if False. With
            `auto_model`, one of another Auto class, its head from the checkpoint.
        engine: Name of the engine that computes the training.
        run: Run folder that keeps what resuming needs; None: nothing is kept.
        phase: Name of the work in progress reports and checkpoints.
    """

    make_model: Callable[..., Any]
    engine: str = "torch"
    run: Any = None
    phase: str = "fine-tuning"


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    Args:
        training: The recipe's training section.
        objective: The loss.
        sampler: (training items, training section) to a `BatchOrder`; None: as the section says.
        lr_multipliers: Parameter to its multiple of the learning rate, where it is not 1.
        regularisers: Hooks around losses, gradients and steps.
    """

    training: Any
    objective: Objective
    sampler: Callable[[Items, Any], Any] | None = None
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    regularisers: tuple[Regulariser, ...] = ()


@dataclass(frozen=True)
class Job:
    """All that a method or a baseline needs: what is learned, where, and how."""

    problem: Problem
    session: Session
    plan: Plan

    def with_problem(self, **changes: Any) -> Job:
        """Copy this job with parts of its problem changed."""
        return replace(self, problem=replace(self.problem, **changes))

    def with_session(self, **changes: Any) -> Job:
        """Copy this job with parts of its session changed."""
        return replace(self, session=replace(self.session, **changes))

    def with_plan(self, **changes: Any) -> Job:
        """Copy this job with parts of its plan changed."""
        return replace(self, plan=replace(self.plan, **changes))


class Regulariser(Protocol):
    """Hooks in training. Subclass `training.hooks.Hooks`, which does nothing at every place."""

    def begin(self, model: Any, n_steps: int) -> None:
        """Prepare, once the model is on its device and before anything is resumed."""
        ...

    def around_step(self, model: Any, step: int, n_steps: int) -> AbstractContextManager[None]:
        """Hold something, such as frozen parameters, while a step's gradient is computed."""
        ...

    def loss(self, compute: Callable[[Batch[Any]], Any], model: Any, batch: Batch[Any]) -> Any:
        """Compute the summed loss of a batch; `compute` is the loss without this hook."""
        ...

    def penalty(self, model: Any) -> Any:
        """Compute a term that is added once to the mean loss of a step; None for no term."""
        ...

    def backward(self, add_gradient: Callable[[], None], model: Any) -> None:
        """Act after the gradient is computed; `add_gradient` adds it again at changed weights."""
        ...

    def after_step(self, model: Any, step: int, n_steps: int) -> None:
        """Act after an optimizer step."""
        ...

    def evaluated(self, model: Any) -> AbstractContextManager[None]:
        """Put the weights in place that are scored and kept; afterwards, those that are trained."""
        ...

    def finish(self, model: Any) -> None:
        """Leave the weights in place that are kept."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Give the state that resuming needs: tensors, numbers and lists by name."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        ...
