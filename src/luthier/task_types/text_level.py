"""Tasks with one answer per row: a text, a pair of texts, or inputs of other kinds.

Next: `single_label.py`, and the tasks themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field

from luthier.columns import SOFT, SOFT_ROLE, Column
from luthier.declarations import JSON
from luthier.explanation import Choice, Decision
from luthier.formats.soft_labels import soft_targets
from luthier.items import Items
from luthier.ragged import Array
from luthier.recipe.tree import Section
from luthier.records import Outputs, Predictions, Rows
from luthier.task_types.defaults import CodecDefaults, TaskDefaults
from luthier.task_types.encode_inputs import encode_inputs, items_of
from luthier.task_types.explained_texts import deciding_item, log_odds

TEXT = Column("text", "text", ("text", "review", "sentence", "tweet", "content", "comment"))
FIRST = Column("text", "text", ("text", "premise", "sentence1", "question1", "text_a", "query"))
SECOND = Column(
    "text_pair", "text", ("text_pair", "hypothesis", "sentence2", "question2", "text_b", "passage")
)
LEARNED = ("tfidf-linear", "frozen-encoder", "from-scratch")  # baselines that learn from the rows


class SequenceOptions(Section):
    """Options of tasks that judge whole texts."""

    window_pooling: Literal["mean", "max"] = Field(
        "mean", description="How the windows of a long text become one answer."
    )


OptionsT = TypeVar("OptionsT", bound=SequenceOptions)


@dataclass(frozen=True)
class TextLevelCodec(CodecDefaults[OptionsT]):
    """One answer per row; what is inferred for the windows of a long row is pooled."""

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode the inputs; read the gold answers where the rows have them."""
        targets = None
        if str(self.task.answer_role) in rows:
            gold = self.gold(rows)
            targets = self.to_targets(gold)
            if training and SOFT in rows:
                targets = soft_targets(rows, self.target.names, gold)
        made = encode_inputs(self.task.columns, rows, self.processor, self.limits)
        return items_of(made, targets)

    def to_targets(self, gold: Array) -> Array:
        """Turn gold answers into the targets of the loss."""
        return gold

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Pool the logits of a row's windows, (rows, outputs)."""
        logits = inferred["logits"]
        if items.row_of is None or len(logits) == 0:
            return logits
        starts = np.flatnonzero(np.diff(items.row_of, prepend=-1))
        if self.options.window_pooling == "max":
            return np.maximum.reduceat(logits, starts, axis=0)
        counts = np.diff(np.append(starts, len(logits)))
        return np.add.reduceat(logits, starts, axis=0) / counts[:, None].astype(logits.dtype)

    def decision(
        self, name: str, choice: Choice, logits: Array, index: int, items: Items, **about: Any
    ) -> Decision:
        """Describe one decision by the window of the row that speaks most for it.

        Args:
            name: What was decided.
            choice: The output that was chosen.
            logits: Logits of all items, (items, outputs).
            index: The row.
            items: The encoded rows.
            about: Further fields of the decision.
        """

        def worth(item: int) -> float:
            outputs = np.atleast_1d(logits[item][choice.outputs])
            return float(outputs[0]) if choice.chosen is None else log_odds(outputs, choice.chosen)

        item, note = deciding_item(items, index, worth)
        return Decision(name, item, "logits", (choice,), note=note, **about)

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read labels or numbers back, with the probabilities where there are any."""
        role = str(self.task.answer_role)
        answers = self.gold(Rows.of({role: [one["answer"] for one in kept]}))
        if kept[0]["probabilities"] is None:
            return Predictions(answers, None, answers[:, None])
        probabilities = np.array([one["probabilities"] for one in kept], dtype=float)
        return Predictions(answers, probabilities, np.log(np.maximum(probabilities, 1e-12)))

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Give every output the value 0, (rows, outputs)."""
        return np.zeros((len(rows), self.target.n_outputs), dtype=np.float32)

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out labels and scores; several of one row share a cell, separated by `|`."""
        given = answer if isinstance(answer, list) else [answer]
        return {
            "prediction": "|".join(item["label"] for item in given),
            "score": "|".join(f"{item['score']:.6g}" for item in given),
        }


class TextLevel(TaskDefaults[OptionsT]):
    """A task with one answer per row.

    The last of `columns` is what there is to predict. A long text can be read in windows, each of
    which learns the text's answer; what is inferred for the windows is pooled.
    """

    unit: ClassVar[str] = "sequence"
    hub_task: ClassVar[str] = "text-classification"
    auto_model: ClassVar[str] = "AutoModelForSequenceClassification"
    wraps_single: ClassVar[bool] = True
    needs_validation_outputs: ClassVar[bool] = True

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The answers, and how likely they are, where that is read."""
        soft = [SOFT_ROLE] if SOFT_ROLE in self.alternative_columns else []
        return (str(self.answer_role), *soft)
