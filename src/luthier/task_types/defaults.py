"""Default implementations that tasks and their codecs inherit and override.

By default rows are items, one kind of inference serves the verdict, validation and new rows, and
the metric of the verdict is the one that validation goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from luthier.codec import LOSS
from luthier.columns import Column, Limits
from luthier.declarations import JSON
from luthier.errors import DataError, RecipeError, column_fix
from luthier.explanation import Decision, Words
from luthier.hf_types import Tokenizer
from luthier.items import Batch, Items
from luthier.padding import pad
from luthier.ragged import Array
from luthier.records import Gold, Measure, Outputs, Predictions, Rows, Target
from luthier.registry import names
from luthier.results import Finding, Mistake
from luthier.task_types.explained_texts import texts_at, words_of_texts

OptionsT = TypeVar("OptionsT")  # a task's `Options`


@dataclass(frozen=True)
class CodecDefaults(Generic[OptionsT]):
    """A task bound to its target and, where rows are encoded, to a processor.

    Args:
        task: The task, with its options.
        target: What is predicted.
        processor: Tokenizer or other processor of Transformers; None where nothing is encoded.
        limits: How much of a row the model reads; None where nothing is encoded.
        seed: Seed of what batches draw at random.
    """

    task: Any
    target: Target
    processor: Any = None  # None in no method that encodes; likewise the limits
    limits: Any = None
    seed: int = 0

    targets_for: ClassVar[frozenset[str]] = frozenset({LOSS})  # kinds of batch with targets

    @property
    def options(self) -> OptionsT:
        """The task's options."""
        options: OptionsT = self.task.options
        return options

    @property
    def padding_side(self) -> str:
        """The side on which the processor pads."""
        return getattr(self.processor, "padding_side", "right")

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode rows; every task has its own way."""
        raise TypeError(f"{type(self).__name__} does not define how rows are encoded")

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Pad the chosen items to the longest of them; add targets for the kinds that need them."""
        targets = None
        if items.targets is not None and kind in self.targets_for:
            targets = pad({"targets": items.targets}, chosen, side=self.padding_side)["targets"]
        weights = None if items.weights is None else items.weights[chosen].astype("float32")
        inputs = self.pad_inputs(items, chosen)
        if kind != LOSS:
            return Batch(inputs, targets, len(chosen))
        return Batch(inputs, targets, len(chosen), weights, group_size(items, chosen))

    def pad_inputs(self, items: Items, chosen: Array) -> dict[str, Array]:
        """Pad the inputs of the chosen items, (batch, longest, …)."""
        return pad(items.inputs, chosen, side=self.padding_side)

    def gold(self, rows: Rows) -> Gold:
        """Read the gold answers; every task has its own way."""
        raise TypeError(f"{type(self).__name__} does not define how gold answers are read")

    def generation(self) -> Mapping[str, Any] | None:
        """Generate nothing."""
        return None

    def head(self) -> Mapping[str, Any] | None:
        """Learn by the head that Transformers has."""
        return None

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Infer the same for the verdict and for new rows as on validation rows."""
        return (self.task.validation_kind,)

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Return what was inferred for every item: items are rows here."""
        return inferred[self.task.validation_kind]

    def tuned(self, outputs: Outputs, gold: Gold) -> Self:
        """Tune nothing: most tasks decode without a choice."""
        return self

    def with_target(self, **changes: Any) -> Self:
        """Copy this codec with parts of its target changed."""
        return replace(self, target=replace(self.target, **changes))

    def decode(self, outputs: Outputs) -> Predictions:
        """Turn outputs into answers; every task has its own way."""
        raise TypeError(f"{type(self).__name__} does not define how outputs are decoded")

    def decisions(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """Explain nothing; tasks that can be explained say what they decided."""
        return ()

    def mistakes(
        self, gold: Gold, predictions: Predictions, rows: Rows
    ) -> Sequence[Mistake] | None:
        """List nothing; tasks whose answers are right or wrong say which are wrong."""
        return None

    def decisions_of_mistake(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        mistake: Mistake,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """Explain the label that is wrong, or the whole answer."""
        given = (inferred, predictions, index, items, rows)
        return self.decisions(*given, label=label or mistake.label)

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of the texts that the task reads."""
        roles = self.task.input_roles
        texts = texts_at(rows, roles, int(items.rows[item]))
        return words_of_texts(self, texts, roles, items, item)

    def measure(self, gold: Gold, predictions: Predictions) -> Measure:
        """Prepare the metrics; every task has its own."""
        raise TypeError(f"{type(self).__name__} does not define its metrics")

    def validation_scores(self, outputs: Outputs, gold: Gold) -> dict[str, float]:
        """Score as for the verdict, with decoding tuned on the same rows."""
        tuned = self.tuned(outputs, gold)
        measure = tuned.measure(gold, tuned.decode(outputs))
        return measure(None)

    def by_label(
        self, gold: Gold, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Score no labels."""
        return None

    def error_analysis(self, gold: Gold, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Add nothing to what every task analyses."""
        return {}

    def to_json(self, answers: Gold, index: int, rows: Rows) -> Any:
        """Write one answer as JSON."""
        return self.target.to_json(answers[index])

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Keep the probabilities, where there are any."""
        if predictions.probabilities is None:
            return {"probabilities": None}
        return {"probabilities": predictions.probabilities[index].astype(float).round(6)}

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read predictions back; every task has its own way."""
        raise TypeError(f"{type(self).__name__} does not define how predictions are read back")

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Put the whole answer in one column."""
        return {"prediction": answer}


def group_size(items: Items, chosen: Array) -> int:
    """Return how many items of a batch stand together: all of them where groups differ in size."""
    if items.groups is None or not len(chosen):
        return 1
    sizes = np.unique(items.groups[chosen], return_counts=True)[1]
    return int(sizes[0]) if (sizes == sizes[0]).all() else len(chosen)


class TaskDefaults(Generic[OptionsT]):
    """The part of a task's description that most tasks share."""

    name: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    Codec: ClassVar[type[CodecDefaults[Any]]]
    problem_type: ClassVar[str | None] = None
    windows: ClassVar[bool | None] = False
    needs_validation_outputs: ClassVar[bool] = False
    alternative_columns: ClassVar[tuple[str, ...]] = ()
    optional_columns: ClassVar[tuple[str, ...]] = ()
    possible_answer_role: ClassVar[str | None] = None
    crf: bool = False
    wraps_single: ClassVar[bool] = False
    validation_kind: str = "logits"
    main_metric: str
    options: OptionsT

    def __init__(self, options: OptionsT):
        self.options = options
        if hasattr(options, "main_metric"):
            self.main_metric = options.main_metric

    def codec(
        self,
        target: Target,
        processor: Tokenizer | None = None,
        limits: Limits | None = None,
        *,
        seed: int = 0,
    ) -> CodecDefaults[Any]:
        """Bind the task to a target and to a processor."""
        return self.Codec(self, target, processor, limits, seed)

    @property
    def validation_metric(self) -> str:
        """The metric of the verdict is also the one of early stopping."""
        return self.main_metric

    def gather(self, rows: Rows) -> Rows:
        """Return rows as they are: each is answered by itself."""
        return rows

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Return rows unchanged."""
        return rows, []

    @property
    def input_roles(self) -> tuple[str, ...]:
        """Columns that a model reads."""
        kinds = names("inputs")
        return tuple(column.role for column in self.columns if column.kind in kinds)

    @property
    def answer_role(self) -> str | None:
        """Column of the gold answers; None where the text itself is learned."""
        inputs = self.input_roles
        return next((one.role for one in self.columns if one.role not in inputs), None)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The column of gold answers alone."""
        return () if self.answer_role is None else (self.answer_role,)

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Texts of every text column, missing ones as empty strings."""
        return tuple(texts_of(rows, one.role) for one in self.columns if one.kind == "text")


def column_of(rows: Rows, role: str) -> Any:
    """Return the column that plays a role.

    Raises:
        DataError: There is no such column.
    """
    if role not in rows:
        raise DataError(
            f"The rows of {', '.join(rows.files)} have no column for the role '{role}'.",
            received=f"columns {', '.join(rows.columns)}",
            hint=column_fix(role, []),
        )
    return rows[role]


def texts_of(rows: Rows, role: str) -> list[str]:
    """Return the texts of a role, missing ones as empty strings."""
    return ["" if value is None else str(value) for value in column_of(rows, role)]


def refuse_label_smoothing(label_smoothing: float, what: str) -> None:
    """Refuse label smoothing where there are no labels to smooth over."""
    if label_smoothing:
        raise RecipeError(
            f"Label smoothing spreads a target over labels; {what} has none.",
            received=f"training.label_smoothing_factor={label_smoothing}",
            hint="training.label_smoothing_factor=0",
        )
