"""Tasks that judge whole texts, or pairs of them: from rows to tokens to batches.

Next: `single_label.py`, and the tasks themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.protocols import Column
from luthier.recipe.tree import Section
from luthier.records import Array, Batch, Encoded, Outputs, Predictions, Rows, Target
from luthier.task_types.defaults import Answering, texts_of
from luthier.text.batches import pad
from luthier.text.tokenize import tokenize
from luthier.text.windows import tokenize_windows

TEXT = Column("text", "text", ("text", "review", "sentence", "tweet", "content", "comment"))
FIRST = Column("text", "text", ("text", "premise", "sentence1", "question1", "text_a", "query"))
SECOND = Column(
    "text_pair", "text", ("text_pair", "hypothesis", "sentence2", "question2", "text_b", "passage")
)


class SequenceOptions(Section):
    """Options of tasks that judge whole texts."""

    window_pooling: Literal["mean", "max"] = Field(
        "mean", description="How the windows of a long text become one answer."
    )


class Sequences(Answering):
    """The half of a task that looks at its texts.

    One text column or two; the last of `columns` is what there is to predict. A long text can be
    read in windows, each of which learns the text's answer; what the windows say is pooled.
    """

    unit: ClassVar[str] = "sequence"
    hub_task: ClassVar[str] = "text-classification"
    auto_model: ClassVar[str] = "AutoModelForSequenceClassification"
    wraps_single: ClassVar[bool] = True
    needs_validation_outputs: ClassVar[bool] = True
    options: Any

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts of each text role, missing ones as empty."""
        return tuple(texts_of(rows, role) for role in self.input_roles)

    def encode(
        self,
        rows: Rows,
        *,
        tokenizer: Any,
        target: Target,
        max_tokens: int,
        stride: int | None = None,
        training: bool = False,
    ) -> Encoded:
        """Tokenize the texts; read the answers where the rows have them."""
        targets = None
        if str(self.answer_role) in rows:
            targets = self.to_targets(self.gold(rows, target), target)
        if stride is None:
            inputs, full_lengths = tokenize(tokenizer, *self.texts(rows), max_tokens=max_tokens)
            return Encoded(inputs, targets, full_lengths)
        made = tokenize_windows(tokenizer, *self.texts(rows), max_tokens=max_tokens, stride=stride)
        return Encoded(
            made.inputs,
            None if targets is None else targets[made.row_of],
            made.full_lengths,
            row_of=made.row_of,
            kept_lengths=made.kept_lengths,
        )

    def to_targets(self, gold: Array, target: Target) -> Array:
        """Turn true answers into what the loss compares with."""
        return gold

    def collate(
        self,
        encoded: Encoded,
        indices: Array,
        *,
        tokenizer: Any,
        reading: str | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Pad the items at `indices` to the longest of them."""
        batch = pad(encoded.inputs, indices, tokenizer=tokenizer)
        if encoded.targets is not None and reading is None:
            batch["labels"] = np.asarray(encoded.targets)[indices]
        return batch

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Pool what was said of a row's windows, (rows, outputs)."""
        said = read["logits"]
        if encoded.row_of is None or len(said) == 0:
            return said
        starts = np.flatnonzero(np.diff(encoded.row_of, prepend=-1))
        if self.options.window_pooling == "max":
            return np.maximum.reduceat(said, starts, axis=0)
        counts = np.diff(np.append(starts, len(said)))
        return np.add.reduceat(said, starts, axis=0) / counts[:, None].astype(said.dtype)

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Read labels or numbers back, with the probabilities where there are any."""
        answers = self.gold(
            Rows.of({str(self.answer_role): [one["answer"] for one in said]}), target
        )
        if said[0]["probabilities"] is None:
            return Predictions(answers, None, answers[:, None])
        probabilities = np.array([one["probabilities"] for one in said], dtype=float)
        return Predictions(answers, probabilities, np.log(np.maximum(probabilities, 1e-12)))

    def uninformed_outputs(self, rows: Rows, target: Target, *, watched: bool = False) -> Outputs:
        """Give every output the value 0, (rows, outputs)."""
        return np.zeros((len(rows), target.n_outputs), dtype=np.float32)

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay labels and scores out; several of one row stand in one cell, separated by `|`."""
        given = answer if isinstance(answer, list) else [answer]
        return {
            "prediction": "|".join(item["label"] for item in given),
            "score": "|".join(f"{item['score']:.6g}" for item in given),
        }
