"""Tasks that judge whole texts, or pairs of them: from rows to tokens to batches.

Next: `single_label.py`, and the tasks themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from luthier.errors import DataError
from luthier.protocols import Column
from luthier.records import Array, Batch, Encoded, Rows, Target
from luthier.text.batches import pad
from luthier.text.tokenize import tokenize

TEXT = Column("text", "text", ("text", "review", "sentence", "tweet", "content", "comment"))
FIRST = Column("text", "text", ("text", "premise", "sentence1", "question1", "text_a", "query"))
SECOND = Column(
    "text_pair", "text", ("text_pair", "hypothesis", "sentence2", "question2", "text_b", "passage")
)


class Sequences:
    """The half of a task that looks at its texts.

    One text column or two; the last of `columns` is what there is to predict.
    """

    unit: ClassVar[str] = "sequence"
    auto_model: ClassVar[str] = "AutoModelForSequenceClassification"
    columns: ClassVar[tuple[Column, ...]]

    def gold(self, rows: Rows, target: Target) -> Array:
        """Read the true answers; each task has its own way."""
        raise TypeError(f"{type(self).__name__} does not say how to read its answers")

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts of each text role, missing ones as empty."""
        return tuple(
            ["" if value is None else str(value) for value in column_of(rows, column.role)]
            for column in self.columns
            if column.kind == "text"
        )

    def encode(self, rows: Rows, *, tokenizer: Any, target: Target, max_tokens: int) -> Encoded:
        """Tokenize the texts; read the answers where the rows have them."""
        inputs, full_lengths = tokenize(tokenizer, *self.texts(rows), max_tokens=max_tokens)
        targets = None
        if self.columns[-1].role in rows:
            targets = self.to_targets(self.gold(rows, target), target)
        return Encoded(inputs, targets, full_lengths)

    def to_targets(self, gold: Array, target: Target) -> Array:
        """Turn true answers into what the loss compares with."""
        return gold

    def collate(self, encoded: Encoded, indices: Array, *, tokenizer: Any) -> Batch:
        """Pad the rows at `indices` to the longest of them."""
        batch = pad(encoded.inputs, indices, tokenizer=tokenizer)
        if encoded.targets is not None:
            batch["labels"] = encoded.targets[indices]
        return batch

    def tune(self, outputs: Array, gold: Array, target: Target) -> Target:
        """Choose nothing: most tasks decode without any choice."""
        return target


def column_of(rows: Rows, role: str) -> Sequence[Any]:
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
