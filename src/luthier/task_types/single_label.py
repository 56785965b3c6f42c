"""Tasks with exactly one label for each row: target, loss, decoding, metrics, answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.columns import SOFT_ROLE
from luthier.data.labels import label_name
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.explanation import Choice, Decision
from luthier.formats.label_cells import canonical_label
from luthier.formats.soft_labels import with_soft_labels
from luthier.items import Items
from luthier.metrics.classification import confusion, measure_classification, per_label
from luthier.metrics.softmax import softmax
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Finding, Mistake
from luthier.task_types.defaults import column_of
from luthier.task_types.label_ids import (
    ABOUT_NAMES,
    ClassWeights,
    LabelNames,
    balanced_weights,
    best_first,
    ids_of,
    sort_labels,
    weigh,
)
from luthier.task_types.mistakes import mistaken_labels
from luthier.task_types.text_level import SequenceOptions, TextLevel, TextLevelCodec


class SingleLabelOptions(SequenceOptions):
    """Options of tasks with one label for each row."""

    loss: Literal["cross-entropy", "focal"] = Field("cross-entropy", description="The loss.")
    focal_gamma: float = Field(2.0, ge=0, description="Exponent of the focal loss.")
    class_weights: ClassWeights = Field(
        None, description="`balanced`, or label: weight; null: all weigh the same."
    )
    label_names: LabelNames = Field(None, description=ABOUT_NAMES)
    main_metric: Literal["accuracy", "macro_f1", "weighted_f1", "mcc", "balanced_accuracy"] = Field(
        "accuracy", description="The metric of the verdict and of the best model."
    )


@dataclass(frozen=True)
class SingleLabelCodec(TextLevelCodec[SingleLabelOptions]):
    """One label per row."""

    def gold(self, rows: Rows) -> Array:
        """Read label ids, (rows,)."""
        cells = [[label_name(value)] for value in column_of(rows, "label")]
        return np.array(ids_of(cells, self.target.names, rows), dtype=np.int64).reshape(-1)

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Choose the loss; balanced weights are rows / (labels × rows of the label)."""
        balanced = balanced_weights(gold, self.target.n_outputs)
        return Objective(
            self.options.loss,
            class_weights=weigh(self.options.class_weights, self.target.names, balanced),
            label_smoothing=label_smoothing,
            focal_gamma=self.options.focal_gamma,
        )

    def decode(self, outputs: Outputs) -> Predictions:
        """Choose the most probable label."""
        return Predictions(outputs.argmax(axis=-1), softmax(outputs), outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare the metrics of classification."""
        return measure_classification(
            gold, predictions.answers, predictions.probabilities, n_labels=self.target.n_outputs
        )

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List wrong labels."""
        return mistaken_labels(gold, predictions)

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
        """Explain the label against all others."""
        names = self.target.names
        chosen = int(predictions.answers[index]) if label is None else names.index(label)
        choice = Choice((slice(None),), chosen)
        return [self.decision(names[chosen], choice, inferred["logits"], index, items)]

    def by_label(
        self, gold: Array, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]]:
        """Prepare precision, recall, F1 and support of every label."""
        answers, n_labels = predictions.answers, self.target.n_outputs

        def score(weights: Array | None) -> Array:
            table = confusion(gold, answers, n_labels=n_labels, weights=weights)
            return np.stack(per_label(table))

        return self.target.names, score

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 1
    ) -> JSON:
        """Return `{"label", "score"}`, or a list of them, best first, unless `top_k` is 1."""
        if predictions.probabilities is None:
            raise ValueError("single-label predictions carry probabilities")
        answers = best_first(self.target.names, predictions.probabilities[index], top_k=top_k)
        return answers[0] if top_k == 1 else answers


class SingleLabel(TextLevel[SingleLabelOptions]):
    """A task with one label per row."""

    Codec = SingleLabelCodec
    Options = SingleLabelOptions
    kind: ClassVar[str] = "single-label"
    problem_type: ClassVar[str | None] = "single_label_classification"
    alternative_columns: ClassVar[tuple[str, ...]] = (SOFT_ROLE,)
    optional_columns: ClassVar[tuple[str, ...]] = (SOFT_ROLE,)

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Name labels that are numbers or vectors; read their probabilities where there are any."""
        rows = with_soft_labels(rows, "label", several=False)
        return canonical_label(rows, "label", self.options.label_names)

    def learn_target(self, rows: Rows) -> Target:
        """Learn the labels that occur, in a fixed order."""
        names = sort_labels(label_name(value) for value in column_of(rows, "label"))
        if len(names) < 2:
            raise DataError(
                "There is nothing to tell apart: the training rows have fewer than two labels.",
                received=f"labels {', '.join(names) or 'none'} in {', '.join(rows.files)}",
                hint="data.columns.label=the column with the labels",
            )
        return Target("single-label", names)
