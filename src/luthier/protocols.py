"""The kinds of plug-in, each one a contract.

A plug-in is one file in its kind's folder and one line in the catalogue (`registry.py`). It is a
class with a kebab-case `name`, a pydantic `Options` class, and a constructor that takes those
options. Tests in `tests/conformance/` run each contract over the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from luthier.records import (
    Array,
    Batch,
    Encoded,
    Finding,
    Job,
    Measure,
    Objective,
    Outputs,
    Predictions,
    Rows,
    StepInfo,
    Target,
)

INPUTS = frozenset({"text", "choices"})  # kinds of column that a model reads
UNITS = frozenset({"sequence", "token", "span", "generation", "language", "choice"})
KINDS = frozenset(
    {"single-label", "multi-label", "number", "tags", "answer", "text", "language", "choice"}
)


@dataclass(frozen=True)
class Column:
    """A role that a column of the user's file plays in a task.

    Args:
        role: The task's name for it.
        kind: What a model reads: `text` or `choices`. What it is to answer: `label`, `labels`,
            `number`, `tags`, `answers` or `reference`.
        guesses: Column names that usually play this role, for `luthier init`.
    """

    role: str
    kind: str
    guesses: tuple[str, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether a model reads it."""
        return self.kind in INPUTS


class Task(Protocol):
    """What is learned: columns, encoding, loss, reading, decoding and metrics.

    A task knows no engine: `encode` and `collate` give NumPy arrays, `gather` and `decode` take
    them, and what an engine must bring is named: the objective, and the readings of
    `training/inference.py`.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # what is judged: "sequence", say; methods say which units they can learn
    kind: ClassVar[str]  # of its target; baselines say which kinds they fit
    Options: ClassVar[type]
    columns: ClassVar[tuple[Column, ...]]
    auto_model: ClassVar[str]  # the Auto class of Transformers that loads the trained model
    hub_task: ClassVar[str]  # what the hub calls it, in a model card
    problem_type: ClassVar[str | None]  # as in a Transformers config
    baselines: ClassVar[tuple[str, ...]]  # those compared with when the recipe names none
    windows: ClassVar[bool | None]  # whether long rows are read in windows unasked; None: never
    alternative_columns: ClassVar[
        tuple[str, ...]
    ]  # columns that `normalize` can make the inputs from
    crf: bool  # whether a CRF shall weigh which label follows which
    needs_validation_outputs: ClassVar[
        bool
    ]  # whether outputs on validation are needed to decode or to calibrate
    wraps_single: ClassVar[bool]  # whether the answer to one bare text stands in a list
    validation_kind: str  # what is taken from it during training, to score validation
    main_metric: str  # of the verdict

    def inference_kinds(self, target: Target) -> tuple[str, ...]:
        """Name what is taken from the trained model for the verdict."""
        ...

    def answer_kinds(self, target: Target) -> tuple[str, ...]:
        """Name what is taken from the model to answer new rows."""
        ...

    @property
    def validation_metric(self) -> str:
        """Name the metric that early stopping and the best model go by."""
        ...

    @property
    def input_roles(self) -> tuple[str, ...]:
        """Name the columns that a model reads."""
        ...

    @property
    def answer_role(self) -> str | None:
        """Name the column that holds the true answers; None where the text itself is learned."""
        ...

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """Name all columns that true answers may be read from; predicting does not look there."""
        ...

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Bring columns into the one shape that the task works with; tell what was mended.

        Raises:
            DataError: A cell cannot be understood; it says where.
        """
        ...

    def learn_target(self, rows: Rows) -> Target:
        """Learn from the training rows what there is to predict."""
        ...

    def gold(self, rows: Rows, target: Target) -> Any:
        """Read the true answers, row by row, as `measure` compares them.

        Raises:
            DataError: An answer is unknown or is not of the task's kind.
        """
        ...

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts of each text role, for baselines that read words."""
        ...

    def encode(
        self,
        rows: Rows,
        *,
        tokenizer: Any,
        target: Target,
        max_tokens: int,
        stride: int | None = None,
        training: bool = False,
    ) -> Encoded:
        """Turn rows into numbers; targets are left out where rows have no answers.

        Args:
            rows: After `normalize`.
            tokenizer: A tokenizer of Transformers.
            target: What is predicted.
            max_tokens: Tokens that an item may have.
            stride: Tokens that two windows of a long row share; None: long rows are cut off.
            training: Whether to learn from them (packed blocks, say) or to judge by them.
        """
        ...

    def collate(
        self,
        encoded: Encoded,
        indices: Array,
        *,
        tokenizer: Any,
        reading: str | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Make one batch, padded to its longest item.

        Args:
            encoded: What `encode` gave.
            indices: Which items.
            tokenizer: Says with what to pad.
            reading: What will be read from the model; None: the batch is for the loss.
            epoch: Of the training, for what is drawn anew in each.
        """
        ...

    def objective(self, target: Target, gold: Any, *, label_smoothing: float) -> Objective:
        """Name the loss, given the training rows' gold answers."""
        ...

    def generation(self, tokenizer: Any, *, max_tokens: int) -> Mapping[str, Any] | None:
        """Give the settings of `model.generate`, or None for tasks that generate nothing."""
        ...

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Put what was read of every item together, row by row.

        Args:
            read: Reading to an array or a `Ragged`, one entry for each item.
            encoded: Whose items they are.
            rows: Whose rows they are.
            tokenizer: Turns generated ids into text.
        """
        ...

    def tune(self, outputs: Outputs, gold: Any, target: Target) -> Target:
        """Choose on validation what decoding needs (thresholds); most tasks give `target` back."""
        ...

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Turn a model's outputs into answers."""
        ...

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare all metrics; the function returned takes row weights, for the bootstrap."""
        ...

    def validation_scores(self, outputs: Outputs, gold: Any, target: Target) -> dict[str, float]:
        """Score validation rows during training, from what the reading `watched` gave."""
        ...

    def uninformed_outputs(self, rows: Rows, target: Target, *, watched: bool = False) -> Outputs:
        """Give the outputs of a system that knows nothing, as `decode` (or `watch`) reads them."""
        ...

    def to_json(self, answers: Any, index: int, rows: Rows, target: Target) -> Any:
        """Write one answer (or true answer) out, so that JSON can hold it."""
        ...

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Give what a run keeps of one row's answer besides the answer, for `recall`."""
        ...

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Read answers back as a run kept them: `answer` as spelled, and what `keep` gave."""
        ...

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, target: Target, **options: Any
    ) -> Any:
        """Give one row's answer in the shape of `transformers.pipeline`."""
        ...

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay such an answer out as columns of a table, `prediction` first."""
        ...

    def by_label(
        self, gold: Any, predictions: Predictions, target: Target
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Prepare the scores of every label, or None where there are no labels.

        Returns:
            Names, and from row weights to precision, recall, F1 and support, (4, names).
        """
        ...

    def error_analysis(
        self, gold: Any, predictions: Predictions, rows: Rows, target: Target
    ) -> dict[str, Any]:
        """Look closer at answers on the test rows, for `analysis.json` and the report."""
        ...

    @staticmethod
    def toy_rows() -> Rows:
        """Make a few dozen learnable rows, for tests and docs."""
        ...


class Method(Protocol):
    """How a model learns a task.

    A method that cannot learn every target lists those it can in `kinds`, as baselines do (see
    `recipe.checks.fits`). One that needs only a model whose parameters say whether they are trained
    lists the other engines that can train it in `engines`.
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # the target kinds it fits
    Options: ClassVar[type]
    defaults: ClassVar[Mapping[str, Any]]  # of the training section, where the recipe says nothing

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Train, telling of every step; the generator's return value is the trained model."""
        ...

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:
        """Write the trained model and its tokenizer to `folder`."""
        ...

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read back the model, ready to predict, and the tokenizer that `save` wrote."""
        ...


class Baseline(Protocol):
    """Something that a fine-tuned model must beat, judged on the same rows."""

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # the target kinds it fits
    Options: ClassVar[type]

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Learn from the training rows; return outputs for each of `job.scored_splits`.

        Outputs have the shape that the task's `decode` reads.
        """
        ...


class Engine(Protocol):
    """What computes a training: it changes the weights of a model of PyTorch, by whatever means.

    The loop (`training/loop.py`) decides what happens when; an engine computes gradients and takes
    steps. Everything before and after a training is the same for all engines.
    """

    name: ClassVar[str]
    job: Job  # the one that was given, its training section made definite
    notice: str | None  # something to tell the user once
    n_processes: int
    reads_without_sync: bool  # whether to read a loss is not to wait for a device
    scaler: Any  # of float16, or None
    optimizer: Any  # a PyTorch optimizer, in whose groups the rates stand; known once prepared

    def __init__(self, model: Any, job: Job):
        """Make ready to train a model."""
        ...

    @staticmethod
    def check(settings: Any) -> None:
        """Refuse a training section that could only fail later, and say what is not installed."""
        ...

    @staticmethod
    def check_model(config: Any) -> None:
        """Refuse a model, of which only the configuration has been read."""
        ...

    def working(self) -> AbstractContextManager[str | None]:
        """Hold what training needs; give why padding is computed, where it was not to be."""
        ...

    def prepare(self, order: Any, pieces: Any) -> Any:
        """Make the optimizer; give what yields batches in a `BatchOrder`, with `set_epoch`."""
        ...

    def load_from_model(self) -> None:
        """Go on from the weights and moments that a checkpoint has just put into place."""
        ...

    def gradient(self, batches: list[Any]) -> tuple[Any, Any]:
        """Compute the gradient over the batches of a step; give the mean loss, and its norm."""
        ...

    def loss_of(self, batch: Any) -> Any:
        """Compute the summed loss of a batch of PyTorch's tensors."""
        ...

    def step(self) -> None:
        """Step along the gradient, with the rates that stand in the optimizer's groups."""
        ...

    def sync_model(self) -> Any:
        """Give the model with the weights as they are now, to be read."""
        ...
