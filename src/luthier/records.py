"""What flows through Luthier, arrow by arrow.

    file ─► Rows ─► Splits ─► Finding … ─► Encoded ─► Batch ─► outputs ─► Predictions ─► Scores
                                                                       ─► Comparison ─► report

Every record is frozen and speaks NumPy, so that each engine can share tasks, metrics and
baselines. Shapes use these words: rows, tokens, labels, outputs, width. The plug-ins that turn
one record into the next are described in `protocols.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.objective import Objective, Teaching
from luthier.ragged import Array, Ragged, take

if TYPE_CHECKING:
    from luthier.protocols import Task

__all__ = ["Array", "Objective", "Ragged", "Teaching", "take"]  # beside what stands below

Outputs = Any  # what a system says of each row, before decoding: an array or a record of arrays
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

    def items(self) -> Iterator[tuple[str, Rows]]:
        """Walk over (name, rows) in the order train, validation, test."""
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))


@dataclass(frozen=True)
class Finding:
    """One thing that the data doctor found.

    Args:
        code: A stable kebab-case name, such as `duplicate-across-splits`.
        severity: `error` (the run stops), `warning` (shown first) or `note`.
        message: One sentence with the numbers in it.
        count: How many rows are concerned.
        places: The first few as `file:line:column`.
        fix: What to do, best a recipe override that can be pasted.
    """

    code: str
    severity: str
    message: str
    count: int
    places: tuple[str, ...] = ()
    fix: str | None = None


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
class Cut:
    """How long texts were before and after they were cut off: nothing is cut in silence.

    Args:
        code: What the doctor calls it. `column`: Where the texts stand. `fix`: What to raise.
        full: Tokens of every row before, (rows,). `kept`: Those that are kept, (rows,).
    """

    code: str
    column: str
    fix: str
    full: Array
    kept: Array


@dataclass(frozen=True)
class Encoded:
    """Rows as numbers, ready to be put into batches.

    What is put into batches are items. Most tasks make one item of every row; a long row can give
    several (windows), and `row_of` says whose they are.

    Args:
        inputs: Model argument to its values: `Ragged` for tokens, a dense (items, width) array for
            features.
        targets: What the loss compares with, item by item: label ids (items,), label indicators
            (items, labels), numbers (items,) or `Ragged` token labels; None where the rows have no
            answers.
        full_lengths: Tokens of every row before anything was cut off, (rows,).
        row_of: The row of every item, (items,), or its rows where an item has several,
            (items, rows); None: item i is row i.
        kept_lengths: Tokens of every row that the model sees, (rows,); None: as the items have.
        cuts: What was cut off besides the rows' own tokens.
        marks: What the task needs to put items together again, item by item; models do not see it.
        item_lengths: Tokens of every item, (items,); None: as its first input has.
    """

    inputs: Mapping[str, Ragged | Array]
    targets: Array | Ragged | None
    full_lengths: Array
    row_of: Array | None = None
    kept_lengths: Array | None = None
    cuts: tuple[Cut, ...] = ()
    marks: Mapping[str, Any] = field(default_factory=dict)
    item_lengths: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def lengths(self) -> Array:
        """Tokens of every item, (items,); ones for dense features."""
        if self.item_lengths is not None:
            return self.item_lengths
        first = next(iter(self.inputs.values()))
        return first.lengths if isinstance(first, Ragged) else np.ones(len(self), dtype=np.int64)

    @property
    def kept(self) -> Array:
        """Tokens of every row that the model sees, (rows,)."""
        return self.lengths if self.kept_lengths is None else self.kept_lengths

    @property
    def rows(self) -> Array:
        """The row of every item, (items,)."""
        return np.arange(len(self)) if self.row_of is None else self.row_of


Batch = dict[str, Array]  # model arguments, padded to the longest row of the batch; plus `labels`


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
        outputs: What the model said, row by row.
    """

    answers: Any
    probabilities: Any
    outputs: Outputs


@dataclass(frozen=True)
class Score:
    """A metric with its doubt: the value, the ends of its interval, and the rows behind it."""

    value: float
    low: float
    high: float
    n: int


Scores = Mapping[str, Score]  # metric -> score


@dataclass(frozen=True)
class Comparison:
    """A system against a baseline on the same rows, on one metric.

    Args:
        system: The system judged. `baseline`: what it is compared with. `metric`: by which metric.
        difference: System minus baseline, in the metric's unit, signed so that more is better.
        low: Lower end of the interval of the difference. `high`: upper end.
        p_value: Of the paired test. `p_adjusted`: after Holm's correction.
        test: The name of that test.
        n: Rows compared. `n_needed`: rows that would tell the two apart (80 % power), or None.
        verdict: All of it in one sentence.
    """

    system: str
    baseline: str
    metric: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    test: str
    n: int
    n_needed: int | None
    verdict: str


@dataclass(frozen=True)
class Job:
    """All that a method or a baseline needs to do its work.

    Args:
        task: The task, made with its options. `target`: What there is to predict.
        splits: The rows. `encoded`: split name to its encoded rows; validation may be empty.
        collate: (encoded, indices) -> batch, padded to its longest item; `reading` says what for
            (None: for the loss), `epoch` which draw of what is random.
        objective: The loss. `training`: The recipe's training section.
        gather: (reading -> what was read of every item, encoded, rows) -> outputs of every row.
        evaluate: Outputs of the validation rows, as watched -> metrics, `validation_metric` among
            them.
        validation_metric: The metric that early stopping and the best model go by.
        make_model: `make_model(pretrained)` -> a fresh model; random weights if False. With
            `auto_model`, one of another Auto class than the task's, its head from the checkpoint.
        tokenizer: What encoded the rows.
        engine: What computes a training, by its name in the catalogue.
        run: The folder that keeps what goes on after an interruption; None: nothing is kept.
        phase: What to call the work in progress reports, and its checkpoints.
        order: (training items, training section) -> which of them stand together in batches, as a
            `BatchOrder`; None: as the section says.
        lr_multipliers: Parameter to its share of the learning rate, where it is not 1.
        step_context: (model, step to come, steps in all) -> what is held around its gradient:
            within, it may freeze a part of the model.
    """

    task: Task
    target: Target
    splits: Splits
    encoded: Mapping[str, Encoded]
    collate: Callable[..., Batch]
    objective: Objective
    training: Any
    gather: Callable[[Mapping[str, Any], Encoded, Rows], Outputs]
    evaluate: Callable[[Outputs], dict[str, float]]
    validation_metric: str
    make_model: Callable[..., Any]
    tokenizer: Any = None
    engine: str = "torch"
    run: Any = None
    phase: str = "fine-tuning"
    order: Callable[[Encoded, Any], Any] | None = None
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    step_context: Callable[[Any, int, int], AbstractContextManager[None]] | None = None

    @property
    def scored_splits(self) -> tuple[str, ...]:
        """The splits whose outputs are wanted: validation too, where something is tuned on it."""
        return ("validation", "test") if self.task.needs_validation_outputs else ("test",)

    def replace(self, **changes: Any) -> Job:
        """Copy this job with some parts changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class RunResult:
    """What a run came to: where it lies, its scores and its verdicts.

    Args:
        folder: The run folder. `scores`: system -> metric -> score on the test rows.
        comparisons: The fine-tuned model against each baseline. `findings`: The doctor's.
        report: Path of the report.
    """

    folder: str
    scores: Mapping[str, Scores]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    report: str
