"""`multi-label-classification`: one text, any number of labels, thresholds tuned on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.columns import SOFT_ROLE, Column
from luthier.data.labels import label_name, split_labels
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.explanation import Choice, Decision
from luthier.formats.label_cells import canonical_labels
from luthier.formats.soft_labels import with_soft_labels
from luthier.items import Items
from luthier.metrics.multilabel import measure_multi_label, per_label_multi
from luthier.metrics.softmax import sigmoid
from luthier.metrics.thresholds import best_thresholds
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Finding, Mistake
from luthier.task_types.defaults import column_of
from luthier.task_types.label_ids import (
    ABOUT_NAMES,
    ClassWeights,
    LabelNames,
    best_first,
    ids_of,
    sort_labels,
    weigh,
)
from luthier.task_types.mistakes import mistaken_label_sets
from luthier.task_types.text_level import LEARNED, TEXT, SequenceOptions, TextLevel, TextLevelCodec


class MultiLabelOptions(SequenceOptions):
    """Options of multi-label classification."""

    loss: Literal["binary-cross-entropy", "focal"] = Field(
        "binary-cross-entropy", description="The loss."
    )
    focal_gamma: float = Field(2.0, ge=0, description="Exponent of the focal loss.")
    class_weights: ClassWeights = Field(
        None, description="`balanced`, or label: weight of its positive rows."
    )
    threshold: float | Literal["tuned"] = Field(
        "tuned", description="Probability from which a label is given; tuned on validation."
    )
    label_names: LabelNames = Field(None, description=ABOUT_NAMES)
    separator: str | None = Field(
        None, min_length=1, description="What parts the labels of a cell; null: `|`, `;` or `,`."
    )
    main_metric: Literal["micro_f1", "macro_f1", "samples_f1", "subset_accuracy"] = Field(
        "micro_f1", description="The metric of the verdict and of the best model."
    )


@dataclass(frozen=True)
class MultiLabelClassificationCodec(TextLevelCodec[MultiLabelOptions]):
    """One text, any number of labels; a threshold for each is tuned on validation."""

    def gold(self, rows: Rows) -> Array:
        """Read label indicators, (rows, labels)."""
        indicators = np.zeros((len(rows), self.target.n_outputs), dtype=np.float32)
        for row, ids in enumerate(ids_of(_cells(rows), self.target.names, rows)):
            indicators[row, ids] = 1.0
        return indicators

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Choose the loss; a balanced weight is negative rows / positive rows of the label."""
        positive = np.maximum(gold.sum(axis=0), 1)
        focal = self.options.loss == "focal"
        return Objective(
            "binary-focal" if focal else self.options.loss,
            class_weights=weigh(
                self.options.class_weights, self.target.names, (len(gold) - positive) / positive
            ),
            label_smoothing=label_smoothing,
            focal_gamma=self.options.focal_gamma,
        )

    def tuned(self, outputs: Outputs, gold: Array) -> MultiLabelClassificationCodec:
        """Choose for each label the threshold of best F1 on validation."""
        if self.options.threshold == "tuned":
            chosen = best_thresholds(sigmoid(outputs), gold)
            return self.with_target(thresholds=tuple(float(value) for value in chosen))
        return self.with_target(thresholds=(float(self.options.threshold),) * self.target.n_outputs)

    def decode(self, outputs: Outputs) -> Predictions:
        """Give every label whose probability reaches its threshold (0.5 before tuning)."""
        probabilities = sigmoid(outputs)
        thresholds = self.target.thresholds or (0.5,) * self.target.n_outputs
        return Predictions((probabilities >= np.array(thresholds)), probabilities, outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare the metrics of multi-label classification."""
        return measure_multi_label(gold, predictions.answers, predictions.probabilities)

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List labels that are wrongly given, or wanting."""
        return mistaken_label_sets(gold, predictions, self.target.names)

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
        """Explain every label that is given, one by one."""
        names = self.target.names
        given = np.flatnonzero(predictions.answers[index]).tolist()
        return [
            self.decision(names[one], Choice((one,)), inferred["logits"], index, items)
            for one in ([names.index(label)] if label is not None else given)
        ]

    def by_label(
        self, gold: Array, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]]:
        """Prepare precision, recall, F1 and support of every label."""
        answers = predictions.answers
        return self.target.names, lambda weights: np.asarray(
            per_label_multi(gold, answers, weights)
        )

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 1
    ) -> JSON:
        """List `{"label", "score"}` of the labels given, or of the `top_k` best unless it is 1."""
        if predictions.probabilities is None:
            raise ValueError("multi-label predictions carry probabilities")
        names, probabilities = self.target.names, predictions.probabilities[index]
        if top_k != 1:
            return best_first(names, probabilities, top_k=top_k)
        given = np.flatnonzero(predictions.answers[index])
        return best_first([names[label] for label in given], probabilities[given])


class MultiLabelClassification(TextLevel[MultiLabelOptions]):
    """One text, any number of labels; a threshold for each is tuned on validation."""

    Codec = MultiLabelClassificationCodec
    name: ClassVar[str] = "multi-label-classification"
    Options = MultiLabelOptions
    columns: ClassVar[tuple[Column, ...]] = (
        TEXT,
        Column("labels", "labels", ("labels", "tags", "topics", "emotions", "categories")),
    )
    kind: ClassVar[str] = "multi-label"
    problem_type: ClassVar[str | None] = "multi_label_classification"
    alternative_columns: ClassVar[tuple[str, ...]] = (SOFT_ROLE,)
    optional_columns: ClassVar[tuple[str, ...]] = (SOFT_ROLE,)
    baselines: ClassVar[tuple[str, ...]] = ("majority", *LEARNED)

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Name labels that are numbers, vectors, or columns of zeros and ones."""
        options = self.options
        rows = with_soft_labels(rows, "labels", several=True)
        return canonical_labels(rows, "labels", options.label_names, options.separator)

    def learn_target(self, rows: Rows) -> Target:
        """Learn the labels that occur, in a fixed order."""
        names = sort_labels(name for cell in _cells(rows) for name in cell)
        if not names:
            raise DataError(
                "The training rows have no labels at all.",
                received=f"an empty column in {', '.join(rows.files)}",
                hint="data.columns.labels=the column with the labels",
            )
        return Target("multi-label", names)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 96 shopping lists, labelled by the shelves that they need."""
        shelves = {"fruit": ("apples", "pears"), "tools": ("nails", "saws"), "books": ("atlases",)}
        texts, labels = [], []
        for n in range(96):
            chosen = [shelf for bit, shelf in enumerate(shelves) if n % 8 >> bit & 1]
            things = [shelves[shelf][n // 8 % len(shelves[shelf])] for shelf in chosen]
            texts.append(f"List {n}: {' and '.join(things) or 'nothing'} please")
            labels.append("|".join(chosen))
        return Rows.of({"text": texts, "labels": labels}, name="toy")


def _cells(rows: Rows) -> list[list[str]]:
    return [
        [label_name(part) for part in split_labels(value)] for value in column_of(rows, "labels")
    ]
