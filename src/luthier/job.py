"""What a method or a baseline is given: a problem, where it is computed, and how it is trained.

`build_problem.py` makes a job; methods change parts of it with `with_problem`, `with_session` and
`with_plan` before they hand it to `training/loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from luthier.codec import Codec
from luthier.hf_types import Model
from luthier.items import Batch, Items
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.records import Gold, Outputs, Rows, Splits, StepInfo

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn


@dataclass(frozen=True)
class Problem:
    """What is learned, and from which rows.

    Args:
        codec: The task, bound to its target and processor.
        splits: The rows.
        items: The encoded rows of every split; validation may be empty.
        gold: The gold answers of every split.
        unlabelled: Further rows, without answers; None where there are none.
        replay: Rows of an earlier task, learned beside the training rows; None likewise.
        others: Name to labelled rows that the trained model is scored on besides.
        row_weights: Weights of the training rows in the loss, (rows,); None: all weigh 1.
        outside: Split to its rows that fit no label, which are in no split.
    """

    codec: Codec
    splits: Splits
    items: Mapping[str, Items]
    gold: Mapping[str, Gold]
    unlabelled: Rows | None = None
    replay: Rows | None = None
    others: Mapping[str, Rows] = field(default_factory=dict)
    row_weights: Array | None = None
    outside: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def scored_splits(self) -> tuple[str, ...]:
        """The splits whose outputs are needed: validation too, where decoding is tuned on it."""
        return ("validation", "test") if self.codec.task.needs_validation_outputs else ("test",)

    @property
    def scored_rows(self) -> dict[str, Rows]:
        """The rows of the scored splits."""
        rows = dict(self.splits.items())
        return {split: rows[split] for split in self.scored_splits}

    def validation_scores(self, outputs: Outputs) -> dict[str, float]:
        """Score outputs of the validation rows during training."""
        return self.codec.validation_scores(outputs, self.gold["validation"])


@dataclass(frozen=True)
class Session:
    """Where a training is computed, and by which engine.

    Args:
        make_model: `make_model(pretrained)` makes a new model, with random weights if False.
            `auto_model` names another Auto class, whose head comes from the checkpoint.
        engine: Name of the engine that computes the training.
        run: The `RunFolder` that keeps checkpoints and events; None: nothing is kept.
        phase: Name of this training in progress reports and checkpoints.
        held_to: What must be as it was for a checkpoint to be resumed from: by name, what tells
            it (digests, or mappings from fields to values).
        unadapted: `unadapted(job, phase)` trains the model as it was before it learned the texts of
            the recipe's `adaptation`, and returns the job it was trained by too. None without one.
    """

    make_model: Callable[..., Model]
    engine: str = "torch"
    run: Any = None
    phase: str = "fine-tuning"
    held_to: Mapping[str, Any] = field(default_factory=dict)
    unadapted: Callable[[Job, str], Generator[StepInfo, None, tuple[Model, Job]]] | None = None


class BatchSampler(Protocol):
    """The batches of every epoch; `training/batch_sampler.py` has the usual one."""

    drop_last: bool  # what Accelerate asks of a batch sampler
    epoch: int
    skipped: int  # batches to leave out of the next epoch, trained on before an interruption

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches `__iter__` yields next."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[list[int]]: ...


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    Args:
        training: The recipe's training section.
        objective: The loss.
        sampler: Makes the order of batches from the training items and the training section;
            None: the order that the section names.
        lr_multipliers: Parameter name to its multiple of the learning rate, where it is not 1.
        regularisers: Hooks around losses, gradients and steps, in the order of the recipe.
        replay_share: Share of every batch that is of the problem's rows of an earlier task.
        augmenters: What changes training texts in every epoch, in the order of the recipe.
    """

    training: Training
    objective: Objective
    sampler: Callable[[Items, Training], BatchSampler] | None = None
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    regularisers: tuple[Regulariser, ...] = ()
    augmenters: tuple[Augmenter, ...] = ()
    replay_share: float = 0.0


@dataclass(frozen=True)
class Job:
    """Everything that a method or a baseline needs: what is learned, where, and how."""

    problem: Problem
    session: Session
    plan: Plan

    def with_problem(self, **changes: Any) -> Job:
        """Copy this job with some fields of its problem replaced."""
        return replace(self, problem=replace(self.problem, **changes))

    def with_session(self, **changes: Any) -> Job:
        """Copy this job with some fields of its session replaced."""
        return replace(self, session=replace(self.session, **changes))

    def with_plan(self, **changes: Any) -> Job:
        """Copy this job with some fields of its plan replaced."""
        return replace(self, plan=replace(self.plan, **changes))


class Regulariser:
    """A hook in training. Plug-ins override the places where they act; the others do nothing.

    Attributes:
        cost: Passes through the model that a step takes, where one without regularisers takes 1.
        excludes: Names of the regularisers that it does not work with.
        is_anchored: Whether it holds weights to those of the pre-trained model, so that it does
            nothing for a model of random weights.
        by_rows: Whether it treats rows one by one, so that processes can share them.
        by_batch: Whether it compares the rows of a batch, so that none is split.
    """

    name: ClassVar[str]
    cost: ClassVar[float] = 1.0
    excludes: ClassVar[frozenset[str]] = frozenset()
    is_anchored: ClassVar[bool] = False
    by_rows: ClassVar[bool] = True
    by_batch: ClassVar[bool] = False

    @property
    def ended(self) -> bool:
        """Whether the training has reached what the hook waits for, and ends."""
        return False

    def prepare(self, model: Model, plan: Plan) -> None:
        """Look at the model as it was loaded, and at how it will be trained.

        Raises:
            RecipeError: It has no effect on such a model, or does not work with such a plan.
        """

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Prepare, once the model is on its device and before any state is resumed."""

    def around_step(
        self, model: nn.Module, step: int, n_steps: int
    ) -> AbstractContextManager[None]:
        """Return a context, such as frozen parameters, for computing a step's gradient."""
        return nullcontext()

    def before_gradient(self, model: nn.Module) -> None:
        """Act before each attempt at a step's gradient; where memory ran out, there are several."""

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Compute the summed loss of a batch; `compute` is the loss without this hook."""
        return compute(batch)

    def penalty(self, model: nn.Module) -> Tensor | None:
        """Compute a term to add once to the mean loss of a step; None for no term."""
        return None

    def backward(self, add_gradient: Callable[..., None], model: nn.Module) -> None:
        """Act after the gradient is computed.

        `add_gradient` adds it again at changed weights; with `same_dropout`, shares of a batch that
        have dropout of their own repeat it.
        """

    def decays(self, name: str) -> bool:
        """Return whether it decays a weight itself, so that the optimizer must not."""
        return False

    def before_step(self, model: nn.Module, rates: Mapping[str, float]) -> None:
        """Act before an optimizer step; `rates` are the learning rates of the parameters."""

    def after_step(self, model: nn.Module, step: int, n_steps: int) -> None:
        """Act after an optimizer step."""

    def evaluated(self, model: nn.Module) -> AbstractContextManager[None]:
        """Swap in the weights that are scored and kept; on exit, restore those that are trained."""
        return nullcontext()

    def finish(self, model: nn.Module) -> None:
        """Leave the model with the weights that are kept."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that resuming needs: tensors, numbers and lists by name."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""


class Augmenter:
    """A way of changing training texts, anew in every epoch.

    Attributes:
        units: What is judged in the tasks whose rows it may change.
        kinds: Kinds of target that stay true of a changed text.
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]
    Options: ClassVar[type]

    def prepare(self, job: Job, texts: Sequence[str]) -> Generator[StepInfo, None, None]:
        """Look at all training texts before the first step; yields its own steps."""
        yield from ()

    def change(self, text: str, random: np.random.Generator) -> str:
        """Return a text as one epoch reads it; it follows from the text and what is drawn."""
        raise NotImplementedError
