"""Tasks with a number for each row: target, loss, decoding, metrics, answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.data.labels import as_number
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.explanation import Choice, Decision
from luthier.items import Items
from luthier.metrics.regression import measure_regression
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Mistake
from luthier.task_types.defaults import column_of, refuse_label_smoothing
from luthier.task_types.mistakes import mistaken_numbers
from luthier.task_types.text_level import SequenceOptions, TextLevel, TextLevelCodec


class NumberOptions(SequenceOptions):
    """Options of tasks with a number for each row."""

    main_metric: Literal["spearman", "pearson", "mae", "rmse", "r2"] = Field(
        "pearson", description="The metric of the verdict and of the best model."
    )


@dataclass(frozen=True)
class NumberCodec(TextLevelCodec[NumberOptions]):
    """One number per row."""

    def gold(self, rows: Rows) -> Array:
        """Read the numbers, (rows,)."""
        return _numbers(rows)

    def to_targets(self, gold: Array) -> Array:
        """Express numbers in standard deviations from the training mean."""
        return ((gold - self.target.mean) / self.target.scale).astype(np.float32)

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Choose the loss.

        Raises:
            RecipeError: The recipe sets label smoothing, which numbers cannot have.
        """
        refuse_label_smoothing(label_smoothing, "a number")
        return Objective("mean-squared-error")

    def decode(self, outputs: Outputs) -> Predictions:
        """Return the numbers in their own unit, (rows,)."""
        return Predictions(outputs[:, 0] * self.target.scale + self.target.mean, None, outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare the metrics of regression."""
        return measure_regression(gold, predictions.answers)

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List all numbers, those farthest off first."""
        return mistaken_numbers(gold, predictions)

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
        """Explain the number."""
        about = {"is_number": True, "mean": self.target.mean, "scale": self.target.scale}
        name, logits = self.target.names[0], inferred["logits"]
        return [self.decision(name, Choice((0,)), logits, index, items, **about)]

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 1
    ) -> JSON:
        """Return `{"label", "score"}`; the score is the number."""
        answer = {"label": self.target.names[0], "score": float(predictions.answers[index])}
        return answer if top_k == 1 else [answer]

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the number; it has no score."""
        given = answer[0] if isinstance(answer, list) else answer
        return {"prediction": f"{given['score']:.6g}"}


class Number(TextLevel[NumberOptions]):
    """A task with a number for each row.

    The model learns the number in standard deviations from the training mean, so that one
    learning rate fits ratings and prices alike; answers are in the number's own unit.
    """

    Codec = NumberCodec
    Options = NumberOptions
    kind: ClassVar[str] = "number"
    problem_type: ClassVar[str | None] = "regression"

    def learn_target(self, rows: Rows) -> Target:
        """Learn the mean and standard deviation of the training numbers."""
        numbers = _numbers(rows)
        if len(numbers) == 0 or not numbers.std() > 0:
            raise DataError(
                "There is nothing to predict: the training rows all have the same number.",
                received=f"{len(numbers)} rows of {', '.join(rows.files)}",
                hint="data.columns.label=the column with the numbers",
            )
        return Target("number", ("value",), mean=float(numbers.mean()), scale=float(numbers.std()))


def _numbers(rows: Rows) -> Array:
    numbers = np.empty(len(rows), dtype=np.float64)
    for index, value in enumerate(column_of(rows, "label")):
        number = as_number(value)
        numbers[index] = math.nan if number is None else number
        if not math.isfinite(numbers[index]):
            raise DataError(
                f"The value at {rows.where(index)} is not a number.",
                received=repr(value),
                hint="mend the row, or data.columns.label=the column with the numbers",
            )
    return numbers
