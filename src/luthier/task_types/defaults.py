"""What every task does alike unless it says otherwise: a task in which most things are plain.

Rows are items, the trained model is read once, and what is watched during training is what is
judged in the end. Tasks of one unit add what they share in a file of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from luthier.errors import DataError, RecipeError
from luthier.protocols import Column
from luthier.records import Array, Encoded, Finding, Measure, Outputs, Predictions, Rows, Target


class Answering:
    """The half of a task that most tasks have in common."""

    name: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    problem_type: ClassVar[str | None] = None
    windows: ClassVar[bool | None] = False
    needs_validation_outputs: ClassVar[bool] = False
    alternative_columns: ClassVar[tuple[str, ...]] = ()
    crf: bool = False
    wraps_single: ClassVar[bool] = False
    validation_kind: str = "logits"
    main_metric: str

    def inference_kinds(self, target: Target) -> tuple[str, ...]:
        """Take in the end what is watched during training."""
        return (self.validation_kind,)

    def answer_kinds(self, target: Target) -> tuple[str, ...]:
        """Take the same readings for new rows as for the verdict."""
        return self.inference_kinds(target)

    @property
    def validation_metric(self) -> str:
        """The metric of the verdict is watched during training too."""
        return self.main_metric

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Take rows as they are."""
        return rows, []

    def gold(self, rows: Rows, target: Target) -> Any:
        """Read the true answers; each task has its own way."""
        raise TypeError(f"{type(self).__name__} does not say how to read its answers")

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Turn outputs into answers; each task has its own way."""
        raise TypeError(f"{type(self).__name__} does not say how to decode")

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare the metrics; each task has its own."""
        raise TypeError(f"{type(self).__name__} does not say how to measure")

    def generation(self, tokenizer: Any, *, max_tokens: int) -> Mapping[str, Any] | None:
        """Generate nothing."""
        return None

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Give what was read of every row: items are rows here."""
        return read[self.validation_kind]

    def tune(self, outputs: Outputs, gold: Any, target: Target) -> Target:
        """Choose nothing: most tasks decode without any choice."""
        return target

    def validation_scores(self, outputs: Outputs, gold: Any, target: Target) -> dict[str, float]:
        """Score as in the end, with what decoding needs chosen on the same rows."""
        tuned = self.tune(outputs, gold, target)
        return self.measure(gold, self.decode(outputs, tuned), tuned)(None)

    def to_json(self, answers: Any, index: int, rows: Rows, target: Target) -> Any:
        """Write one answer out."""
        return target.to_json(answers[index])

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Keep the probabilities, where there are any."""
        if predictions.probabilities is None:
            return {"probabilities": None}
        return {"probabilities": predictions.probabilities[index].astype(float).round(6)}

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Read answers back; each task has its own way."""
        raise TypeError(f"{type(self).__name__} does not say how to read answers back")

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay an answer out as columns of a table."""
        return {"prediction": answer}

    def by_label(
        self, gold: Any, predictions: Predictions, target: Target
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Score no label by itself."""
        return None

    def error_analysis(
        self, gold: Any, predictions: Predictions, rows: Rows, target: Target
    ) -> dict[str, Any]:
        """Look no closer than is done for every task."""
        return {}

    @property
    def input_roles(self) -> tuple[str, ...]:
        """Name the columns that a model reads."""
        return tuple(column.role for column in self.columns if column.is_input)

    @property
    def answer_role(self) -> str | None:
        """Name the column that holds the true answers; None where the text itself is learned."""
        return next((column.role for column in self.columns if not column.is_input), None)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """Name the column of true answers alone."""
        return () if self.answer_role is None else (self.answer_role,)


def column_of(rows: Rows, role: str) -> Any:
    """Give the column that plays a role.

    Raises:
        DataError: There is no such column.
    """
    if role not in rows:
        raise DataError(
            f"The rows of {', '.join(rows.files)} have no column for the role '{role}'.",
            received=f"columns {', '.join(rows.columns)}",
            hint=f"data.columns.{role}=one of them",
        )
    return rows[role]


def texts_of(rows: Rows, role: str) -> list[str]:
    """Give the texts of a role, missing ones as empty."""
    return ["" if value is None else str(value) for value in column_of(rows, role)]


def refuse_label_smoothing(label_smoothing: float, what: str) -> None:
    """Raise where label smoothing is asked for and there is nothing to smooth over."""
    if label_smoothing:
        raise RecipeError(
            f"Label smoothing spreads a target over labels; {what} has none.",
            received=f"training.label_smoothing_factor={label_smoothing}",
            hint="training.label_smoothing_factor=0",
        )
