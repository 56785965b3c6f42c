"""The kinds of plug-in, each one a contract.

A plug-in is one file in its kind's folder and one line in the catalogue (`registry.py`). It is a
class with a kebab-case `name`, a pydantic `Options` class, and a constructor that takes those
options. Tests in `tests/conformance/` run each contract over the whole catalogue.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from luthier.records import (
    Array,
    Batch,
    Encoded,
    Job,
    Measure,
    Objective,
    Outputs,
    Predictions,
    Rows,
    StepInfo,
    Target,
)


@dataclass(frozen=True)
class Column:
    """A role that a column of the user's file plays in a task.

    Args:
        role: The task's name for it. `kind`: `text`, `label`, `labels` or `number`.
        guesses: Column names that usually play this role, for `luthier init`.
    """

    role: str
    kind: str
    guesses: tuple[str, ...] = ()


class Task(Protocol):
    """What is learned: columns, encoding, loss, decoding and metrics.

    A task knows no engine: `encode` and `collate` give NumPy arrays, `decode` takes them, and the
    objective is a name.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # what is judged: "sequence" here; methods say which units they can learn
    Options: ClassVar[type]
    columns: ClassVar[tuple[Column, ...]]
    auto_model: ClassVar[str]  # the Auto class of Transformers that loads the trained model
    problem_type: ClassVar[str]  # as in a Transformers config
    baselines: ClassVar[tuple[str, ...]]  # those compared with when the recipe names none
    main_metric: str

    def learn_target(self, rows: Rows) -> Target:
        """Learn from the training rows what there is to predict."""
        ...

    def gold(self, rows: Rows, target: Target) -> Array:
        """Read the true answers, in the shape of `Predictions.answers`.

        Raises:
            DataError: A label is unknown or is not of the task's kind.
        """
        ...

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts of each text role, for baselines that read words."""
        ...

    def encode(self, rows: Rows, *, tokenizer: Any, target: Target, max_tokens: int) -> Encoded:
        """Turn rows into numbers; targets are left out where rows have no labels."""
        ...

    def collate(self, encoded: Encoded, indices: Array, *, tokenizer: Any) -> Batch:
        """Make one batch, padded to its longest row."""
        ...

    def objective(self, target: Target, gold: Array, *, label_smoothing: float) -> Objective:
        """Name the loss, given the training rows' gold answers."""
        ...

    def tune(self, outputs: Outputs, gold: Array, target: Target) -> Target:
        """Choose on validation what decoding needs (thresholds); most tasks give `target` back."""
        ...

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Turn a model's outputs into answers."""
        ...

    def measure(self, gold: Array, predictions: Predictions, target: Target) -> Measure:
        """Prepare all metrics; the function returned takes row weights, for the bootstrap."""
        ...

    def answer(self, predictions: Predictions, index: int, target: Target, *, top_k: int) -> Any:
        """Give one row's answer in the shape of `transformers.pipeline`."""
        ...

    @staticmethod
    def toy_rows() -> Rows:
        """Make a few dozen learnable rows, for tests and docs."""
        ...


class Method(Protocol):
    """How a model learns a task."""

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    Options: ClassVar[type]

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
        """Learn from the training rows; return outputs for `validation` and `test`.

        Outputs have the shape that the task's `decode` reads.
        """
        ...
