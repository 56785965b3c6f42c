"""What flows through Luthier, arrow by arrow.

    file ─► Rows ─► Splits ─► Finding … ─► Items ─► Batch ─► outputs ─► Predictions ─► Scores
                                                                       ─► Comparison ─► report

Every record is frozen and holds NumPy arrays, so that each engine can share tasks, metrics and
baselines. `items.py` has encoded rows and batches, `results.py` findings, scores and comparisons.
The plug-ins that turn one record into the next are described in `protocols.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from luthier.ragged import Array
from luthier.rejection import Rejection

Outputs = Any  # of a system for rows, before decoding: an array or a record of arrays
Gold = Any  # gold answers of rows: an array, or a `Ragged` of tag ids
Measure = Callable[[Array | None], dict[str, float]]  # row weights (rows,) or None -> metrics


@dataclass(frozen=True, repr=False)
class Rows:
    """Rows as read: columns side by side, and the place of each row.

    Args:
        columns: Column name to values, all of one length. Columns that the recipe maps carry the
            task's role names (`text`, `label`); the others keep the file's names.
        files: The files that were read.
        file_of: Index into `files` for each row, (rows,).
        lines: Line (text files) or row number (others) in that file, from 1, (rows,).
    """

    columns: Mapping[str, Sequence[Any]]
    files: tuple[str, ...]
    file_of: Array
    lines: Array

    def __len__(self) -> int:
        return len(self.lines)

    def __repr__(self) -> str:
        """Say how many rows of what there are: a notebook shows it, and files may be large."""
        files = f"{', '.join(self.files[:3])}{' …' * (len(self.files) > 3)}"
        return f"<{len(self):,} rows of {files}: {', '.join(self.columns)}>"

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def where(self, index: int) -> str:
        """Return the place of a row, as `file:line`."""
        return f"{self.files[int(self.file_of[index])]}:{int(self.lines[index])}"

    def take(self, indices: Sequence[int] | Array) -> Rows:
        """Keep the rows at `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        columns = {name: [values[i] for i in chosen] for name, values in self.columns.items()}
        return Rows(columns, self.files, self.file_of[chosen], self.lines[chosen])

    @staticmethod
    def of(columns: Mapping[str, Sequence[Any]], *, name: str = "memory") -> Rows:
        """Make rows from columns that are already in memory."""
        n_rows = len(next(iter(columns.values()))) if columns else 0
        return Rows(
            {key: list(values) for key, values in columns.items()},
            (name,),
            np.zeros(n_rows, dtype=np.int32),
            np.arange(1, n_rows + 1, dtype=np.int64),
        )


@dataclass(frozen=True)
class Splits:
    """The rows for training, for choices, and for the verdict. No row is in two of them."""

    train: Rows
    validation: Rows
    test: Rows
    made: Mapping[str, str] = field(default_factory=dict)  # split -> how it came about, in words

    def items(self) -> Iterator[tuple[str, Rows]]:
        """Yield (name, rows) in the order train, validation, test."""
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))


@dataclass(frozen=True)
class Target:
    """What is predicted, learned from the training rows.

    Args:
        kind: One of `KINDS` in `protocols.py`.
        names: Label names in index order; for a number, its column's name alone; for text, none.
        thresholds: For `multi-label`, the probability from which each label is given, (labels,).
            For `answer`, how much better than the best answer none must be to be given, (1,).
        mean: For `number`, the number that an output of 0 stands for.
        scale: For `number`, the difference that one unit of output stands for.
        references: For `language`, whether rows have reference texts.
        inputs: Mean or values of inputs that are numbers or categories, by role.
        rejection: When no label is answered; None: one always is.
    """

    kind: str
    names: tuple[str, ...]
    thresholds: tuple[float, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    references: bool = False
    inputs: Mapping[str, Any] | None = None
    rejection: Rejection | None = None

    @property
    def n_outputs(self) -> int:
        """Number of outputs of a model for each row."""
        return len(self.names)

    def to_json(self, answer: Any) -> str | list[str] | float:
        """Write an answer out: a label's name, a list of names, or a number."""
        if self.kind == "number":
            return float(answer)
        if self.kind == "multi-label":
            return [name for name, given in zip(self.names, answer, strict=True) if given]
        return self.names[int(answer)]


@dataclass(frozen=True)
class StepInfo:
    """One step of training, of a baseline or of inference.

    Args:
        phase: Name of the work for a progress bar, such as "fine-tuning".
        step: Number of steps done, from 1.
        n_steps: Total number of steps; 0 if unknown.
        epoch: Number of epochs done, as a fraction.
        rows: Number of rows seen in this step.
        loss: Mean training loss of the step; None if it was not read.
        learning_rate: Learning rate of the step; None outside training.
        gradient_norm: Norm of the gradient before clipping; None if it was not read.
        scores: Validation scores, if this step ended with an evaluation.
        training_scores: Scores of a sample of the training rows, with the same weights.
        n_sampled: Number of rows in that sample.
        is_best: Whether those scores are the best so far.
        spike: Loss of this step, if it is a spike.
        message: A message for the user, shown once.
        is_lasting: Whether the report repeats the message, as it changes what scores mean.
    """

    phase: str
    step: int
    n_steps: int
    epoch: float = 0.0
    rows: int = 0
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    scores: Mapping[str, float] | None = None
    training_scores: Mapping[str, float] | None = None
    n_sampled: int | None = None
    is_best: bool = False
    spike: float | None = None
    message: str | None = None
    is_lasting: bool = False


@dataclass(frozen=True)
class Predictions:
    """Decoded answers for a split, row by row.

    Args:
        answers: Label ids, indicators (rows, labels), numbers, tag ids, spans (rows, 2) or texts.
        probabilities: (rows, labels), or None where there are no labels to share among.
        outputs: Outputs of the system, row by row.
    """

    answers: Any
    probabilities: Any
    outputs: Outputs
