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

Outputs = Any  # of a system for rows, before decoding: an array or a record of arrays
Gold = Any  # gold answers of rows: an array, or a `Ragged` of tag ids
Measure = Callable[[Array | None], dict[str, float]]  # row weights (rows,) or None -> metrics


@dataclass(frozen=True)
class Rows:
    """Rows as read: columns side by side, and where each row stood.

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

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def where(self, index: int) -> str:
        """Say where a row stood, as `file:line`."""
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
    """The rows to learn from, to choose by, and to judge by. No row is in two of them."""

    train: Rows
    validation: Rows
    test: Rows
    made: Mapping[str, str] = field(default_factory=dict)  # split -> how it came about, in words
    undrawn: Rows | None = None  # training rows that a limit or shots left out

    def items(self) -> Iterator[tuple[str, Rows]]:
        """Walk over (name, rows) in the order train, validation, test."""
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))


@dataclass(frozen=True)
class Target:
    """What there is to predict, learned from the training rows.

    Args:
        kind: `single-label`, `multi-label`, `number`, `tags`, `answer`, `text`, `language` or
            `choice`.
        names: Label names in index order; for a number, its column's name alone; for text, none.
        thresholds: For `multi-label`, the probability from which each label is given, (labels,).
            For `answer`, how much better than the best answer none must be to be given, (1,).
        mean: For `number`, what an output of 0 stands for. `scale`: what a step of 1 stands for.
        references: For `language`, whether there are texts that the model should have written.
    """

    kind: str
    names: tuple[str, ...]
    thresholds: tuple[float, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    references: bool = False

    @property
    def n_outputs(self) -> int:
        """How many numbers a model gives for each row."""
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
    """What happened in one step of something long: training, a baseline, an evaluation.

    Args:
        phase: What is being done, in words for a progress bar ("fine-tuning").
        step: Steps done, from 1. `n_steps`: Steps in all (0 where unknown).
        epoch: Epochs done, as a fraction.
        rows: Rows seen in this step.
        loss: Mean training loss of the step, or None.
        learning_rate: The rate that was used, or None.
        gradient_norm: Norm before clipping, or None.
        scores: Validation scores, where this step ended with an evaluation.
        is_best: Whether those scores are the best so far.
        spike: The loss of this step, where it sprang up.
        message: Something to tell the user once.
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
    is_best: bool = False
    spike: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class Predictions:
    """Decoded answers for a split, row by row.

    Args:
        answers: Label ids (rows,), label indicators (rows, labels), numbers (rows,), `Ragged` tag
            ids, answers (rows, 2) as characters, or texts (rows,).
        probabilities: (rows, labels), or None where there are no labels to share among.
        outputs: Outputs of the system, row by row.
    """

    answers: Any
    probabilities: Any
    outputs: Outputs
