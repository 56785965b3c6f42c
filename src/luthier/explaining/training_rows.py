"""The training rows of a run as its model sees them, to compare others with. Next: `neighbours.py`.

All rows pass through the model once; a few vectors of each are kept.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from torch import Tensor

from luthier.codec import Codec
from luthier.errors import DataError
from luthier.explaining.head_layers import Head, Traced, nothing
from luthier.hf_types import Model, ModelOutput
from luthier.items import Items
from luthier.objective import Objective
from luthier.records import Gold, Rows, StepInfo
from luthier.task_types.explained_texts import texts_at
from luthier.training.losses import make_loss
from luthier.training.model_calls import TensorBatch

UNIT = "sequence"  # tasks whose model makes one vector of a text


@dataclass(frozen=True)
class TrainingRows:
    """The training rows, encoded, with what the model's head reads of each item.

    Args:
        codec: The codec that encoded them.
        head: The model's head.
        rows: The rows.
        items: The encoded rows.
        gold: Their answers.
        traced: What the head reads of them, and the slopes of their losses.
        weight: What the sum of all losses is divided by.
    """

    codec: Codec
    head: Head
    rows: Rows
    items: Items
    gold: Gold
    traced: Traced
    weight: float

    def describe(self, row: int) -> dict[str, Any]:
        """Describe a row as JSON: its place, its texts and its answer."""
        roles = self.codec.task.input_roles
        texts: Mapping[str, str] = dict(zip(roles, texts_at(self.rows, roles, row), strict=True))
        answer = self.codec.to_json(self.gold, row, self.rows)
        return {"row": self.rows.where(row), "texts": texts, "gold": answer}


def read_training_rows(
    model: Model, codec: Codec, rows: Rows, objective: Objective, *, batch_size: int
) -> Generator[StepInfo, None, TrainingRows]:
    """Pass the training rows through the model.

    Args:
        model: The trained model.
        codec: The codec.
        rows: The training rows, with their answers.
        objective: The loss that the recipe sets.
        batch_size: Number of items of 64 tokens in a batch.

    Raises:
        DataError: The task judges no whole texts.
        ModelError: The model's last layer is not known.
    """
    refuse_other_tasks(codec)
    head = Head(model, codec.target.n_outputs)
    items = codec.encode(rows, training=True)
    loss, weights = make_loss(objective, next(model.parameters()).device), []

    def total(outputs: Tensor, batch: TensorBatch) -> Tensor:
        if batch.targets is None:
            raise ValueError("training rows have answers")
        made = cast("ModelOutput", SimpleNamespace(logits=outputs))
        weights.append(float(loss.weight(batch.targets, batch.weights)))
        return loss.total(made, batch.targets, batch.weights)

    traced = yield from head.trace(
        codec,
        items,
        total if head.lookup is None else nothing,
        batch_size=batch_size,
        phase="reading the training rows",
    )
    return TrainingRows(codec, head, rows, items, codec.gold(rows), traced, sum(weights))


def refuse_other_tasks(codec: Codec) -> None:
    """Refuse tasks whose model makes more than one vector of a row.

    Raises:
        DataError: The task judges words, answers or choices, or writes.
    """
    if codec.task.unit != UNIT:
        raise DataError(
            "Training rows are compared as whole texts, and this task does not judge such.",
            received=f"task {codec.task.name}, which has a vector for every token or choice",
            hint="leave out --neighbours and --influence; the words are explained without them",
        )
