"""The training rows of a run as its model sees them, to compare others with. Next: `neighbours.py`.

All rows pass through the model once; what is kept of each is one vector and its outputs.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from luthier.codec import Codec
from luthier.errors import DataError
from luthier.explaining.last_layer import LastLayer, Vectors, last_layer_of, read_vectors
from luthier.hf_types import Model
from luthier.items import Items
from luthier.records import Gold, Rows, StepInfo
from luthier.task_types.explained_texts import texts_at

UNIT = "sequence"  # tasks whose model makes one vector of a text


@dataclass(frozen=True)
class TrainingRows:
    """The training rows, encoded, with what the last layer reads of each item.

    Args:
        codec: The codec that encoded them.
        layer: The model's last layer.
        rows: The rows.
        items: The encoded rows.
        gold: Their answers.
        vectors: What the last layer reads of them.
    """

    codec: Codec
    layer: LastLayer
    rows: Rows
    items: Items
    gold: Gold
    vectors: Vectors

    def describe(self, row: int) -> dict[str, Any]:
        """Describe a row as JSON: its place, its texts and its answer."""
        roles = self.codec.task.input_roles
        texts: Mapping[str, str] = dict(zip(roles, texts_at(self.rows, roles, row), strict=True))
        answer = self.codec.to_json(self.gold, row, self.rows)
        return {"row": self.rows.where(row), "texts": texts, "gold": answer}


def read_training_rows(
    model: Model, codec: Codec, rows: Rows, *, batch_size: int
) -> Generator[StepInfo, None, TrainingRows]:
    """Pass the training rows through the model.

    Args:
        model: The trained model.
        codec: The codec.
        rows: The training rows, with their answers.
        batch_size: Number of items of 64 tokens in a batch.

    Raises:
        DataError: The task judges no whole texts.
        ModelError: The model's last layer is not known.
    """
    refuse_other_tasks(codec)
    layer = last_layer_of(model, codec.target.n_outputs)
    items = codec.encode(rows, training=True)
    vectors = yield from read_vectors(
        model, layer, codec, items, batch_size=batch_size, phase="reading the training rows"
    )
    return TrainingRows(codec, layer, rows, items, codec.gold(rows), vectors)


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
