"""The kinds of plug-in, each one a contract.

A plug-in is one file in its kind's folder and one line in the catalogue (`registry.py`): a class
with a kebab-case `name`, a pydantic `Options` class, and a constructor that takes those options.
Tests in `tests/conformance/` hold the whole catalogue to these contracts. Engines: `engines.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from luthier.columns import Column, Limits
from luthier.hf_types import Model, Tokenizer
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.records import (
    Batch,
    Gold,
    Items,
    Measure,
    Outputs,
    Predictions,
    Rows,
    Splits,
    StepInfo,
    Target,
)
from luthier.results import Finding

if TYPE_CHECKING:
    from torch import Tensor, nn

UNITS = frozenset({"sequence", "token", "span", "generation", "language", "choice"})
KINDS = frozenset(
    {"single-label", "multi-label", "number", "tags", "answer", "text", "language", "choice"}
)
LOSS = "loss"  # the kind of batch that training uses; others are kinds of inference


class Task(Protocol):
    """A task's description: its columns, what it learns from, and what it is compared with.

    A task knows no engine and no model; what depends on the target or on a processor is its codec.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # what is judged; methods name the units that they learn
    kind: ClassVar[str]  # of the target; baselines name the kinds that they fit
    Options: ClassVar[type]
    options: Any
    columns: ClassVar[tuple[Column, ...]]
    alternative_columns: ClassVar[tuple[str, ...]]  # columns that `normalize` builds inputs from
    input_roles: tuple[str, ...]  # columns that a model reads
    answer_role: str | None  # column of the gold answers; None where the text itself is learned
    answer_columns: tuple[str, ...]  # columns that gold answers may be read from
    auto_model: ClassVar[str]  # Auto class of Transformers that loads the trained model
    hub_task: ClassVar[str]  # its name on the hub, for the model card
    problem_type: ClassVar[str | None]  # as in a Transformers config
    baselines: ClassVar[tuple[str, ...]]  # compared with when the recipe names none
    windows: ClassVar[bool | None]  # whether long rows are windowed by default; None: never
    crf: bool  # whether a CRF weighs which label follows which
    needs_validation_outputs: ClassVar[bool]  # whether decoding is tuned on validation rows
    wraps_single: ClassVar[bool]  # whether the answer to one bare text is put in a list
    validation_kind: str  # kind of inference that scores validation rows
    validation_metric: str  # metric of early stopping and of the best model
    main_metric: str  # metric of the verdict

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise the columns, and report what was repaired.

        Raises:
            DataError: A cell cannot be read; the error names its file and line.
        """
        ...

    def learn_target(self, rows: Rows) -> Target:
        """Learn from the training rows what is to be predicted."""
        ...

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Return the texts of each text column, for baselines that read words."""
        ...

    def codec(
        self,
        target: Target,
        processor: Tokenizer | None = None,
        limits: Limits | None = None,
        *,
        seed: int = 0,
    ) -> Codec:
        """Bind the task to a target and, to encode rows, to a processor."""
        ...

    @staticmethod
    def toy_rows() -> Rows:
        """Make a few dozen learnable rows for tests and documentation."""
        ...


class Codec(Protocol):
    """A task bound to its target and processor: rows to batches, outputs to answers and scores.

    The one object that the main path, predictors, teachers and exporters hold.
    """

    task: Task
    target: Target
    processor: Any
    limits: Limits | None
    seed: int

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode rows; targets are None where the rows have no answers."""
        ...

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Make one batch of NumPy arrays, for the loss or for a kind of inference."""
        ...

    def gold(self, rows: Rows) -> Gold:
        """Read the gold answers, row by row.

        Raises:
            DataError: An answer is unknown or of the wrong kind.
        """
        ...

    def objective(self, gold: Gold, *, label_smoothing: float) -> Objective:
        """Choose the loss, given the training rows' gold answers."""
        ...

    def generation(self) -> Mapping[str, Any] | None:
        """Return the settings of `model.generate`; None for tasks that generate nothing."""
        ...

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Return the kinds of inference for the verdict or, if `answering`, for new rows."""
        ...

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Combine what was inferred for items, one entry per kind, into outputs per row."""
        ...

    def tuned(self, outputs: Outputs, gold: Gold) -> Codec:
        """Tune decoding (thresholds) on validation rows; return a new codec."""
        ...

    def decode(self, outputs: Outputs) -> Predictions:
        """Decode outputs into predictions."""
        ...

    def measure(self, gold: Gold, predictions: Predictions) -> Measure:
        """Return a function from row weights, for the bootstrap, to all metrics."""
        ...

    def validation_scores(self, outputs: Outputs, gold: Gold) -> dict[str, float]:
        """Score validation rows during training, from outputs of `task.validation_kind`."""
        ...

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Return the outputs of a system that has learned nothing."""
        ...

    def by_label(
        self, gold: Gold, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Prepare precision, recall, F1 and support of every label, (4, names); None: no labels."""
        ...

    def error_analysis(self, gold: Gold, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Analyse answers on the test rows, for `analysis.json` and the report."""
        ...

    def to_json(self, answers: Gold, index: int, rows: Rows) -> Any:
        """Write one answer (predicted or gold) as JSON."""
        ...

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Return what a run keeps of one prediction beside its answer."""
        ...

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read predictions from `answer`, as `to_json` wrote it, and the fields of `extra_json`."""
        ...

    def answer(self, predictions: Predictions, index: int, rows: Rows, **options: Any) -> Any:
        """Return one row's answer in the format of `transformers.pipeline`."""
        ...

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Return such an answer as columns of a table, `prediction` first."""
        ...


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
    gold: Mapping[str, Gold]

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
    """

    make_model: Callable[..., Model]
    engine: str = "torch"
    run: Any = None
    phase: str = "fine-tuning"


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
    """

    training: Training
    objective: Objective
    sampler: Callable[[Items, Training], BatchSampler] | None = None
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    regularisers: tuple[Regulariser, ...] = ()


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


class Method(Protocol):
    """How a model learns a task.

    `engines` names the engines besides PyTorch's that can train it, for methods that need no more
    than a model whose parameters say which of them are trained.
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # kinds of target that it fits
    Options: ClassVar[type]
    defaults: ClassVar[Mapping[str, Any]]  # of the training section, where the recipe is silent

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train, yielding every step; the generator's return value is the trained model."""
        ...

    def save(self, model: Model, processor: Tokenizer, folder: Path) -> None:
        """Write the trained model and its processor to `folder`."""
        ...

    def load(self, folder: Path) -> tuple[Model, Tokenizer]:
        """Load the model, ready to predict, and the processor that `save` wrote."""
        ...


class Baseline(Protocol):
    """What a fine-tuned model must beat, scored on the same rows."""

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # kinds of target that it fits
    Options: ClassVar[type]

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Learn from the training rows; return outputs for each of `problem.scored_splits`."""
        ...


class Regulariser:
    """A hook in training. Plug-ins override the places where they act; the others do nothing."""

    name: ClassVar[str]

    def begin(self, model: nn.Module, n_steps: int) -> None:
        """Prepare, once the model is on its device and before any state is resumed."""

    def around_step(
        self, model: nn.Module, step: int, n_steps: int
    ) -> AbstractContextManager[None]:
        """Return a context, such as frozen parameters, for computing a step's gradient."""
        return nullcontext()

    def loss(
        self, compute: Callable[[Batch[Tensor]], Tensor], model: nn.Module, batch: Batch[Tensor]
    ) -> Tensor:
        """Compute the summed loss of a batch; `compute` is the loss without this hook."""
        return compute(batch)

    def penalty(self, model: nn.Module) -> Tensor | None:
        """Compute a term to add once to the mean loss of a step; None for no term."""
        return None

    def backward(self, add_gradient: Callable[[], None], model: nn.Module) -> None:
        """Act after the gradient is computed; `add_gradient` adds it again at changed weights."""

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
