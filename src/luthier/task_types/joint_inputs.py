"""Tasks that read several kinds of input at once: their columns, what is learned of them, batches.

    row ─► a vector for each input (or its token ids), and which inputs are present

The recipe names the inputs (`task.options.inputs`), so the columns of such a task are its own.
Next: `models/fusion.py`, which joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from luthier.codec import LOSS
from luthier.columns import PRESENT, Column, Encoding, Input, Limits
from luthier.data.labels import is_missing
from luthier.items import Batch, ItemField, Items
from luthier.media.places import MEDIA
from luthier.ragged import Array
from luthier.recipe.tree import Section
from luthier.records import Rows, Target
from luthier.registry import find, names
from luthier.results import Finding
from luthier.seeding import stream
from luthier.task_types.defaults import CodecDefaults, column_of
from luthier.task_types.encode_inputs import cells_of

LEARNED = ("number", "category")  # kinds of which training rows tell mean or values
Kind = Literal["text", "image", "audio", "number", "category"]


class JointOptions(Section):
    """Options of tasks that read several inputs."""

    inputs: dict[str, Kind] = Field(
        default={"text": "text"},
        min_length=1,
        description="Each input's role (a column's name) and kind; at least one text.",
    )
    encoders: dict[str, str] = Field(
        default_factory=dict,
        description="For each image or sound, or for `image` and `audio`, an encoder: a hub id, a "
        "folder, package:NAME; or, without a model, `thumbnail` or `spectrum`.",
    )
    left_out: tuple[str, ...] = Field(
        (), description="Inputs that are taken as absent in every row, to see what they add."
    )
    fusion: Literal["late", "gated", "cross-attention"] = Field(
        "late", description="How inputs are joined."
    )
    modality_dropout: float = Field(
        0.15, ge=0, lt=1, description="Share of present inputs left out at random in training."
    )
    joint_width: int = Field(
        128, ge=8, multiple_of=4, description="Width of the vectors that are joined."
    )
    joint_rate: float = Field(
        10.0, gt=0, description="Learning rate of the new head, in multiples of the model's."
    )
    joint_dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of the head.")

    @model_validator(mode="after")
    def _complete(self) -> JointOptions:
        if "text" not in self.inputs.values():
            raise ValueError("at least one input is a text, which the model reads")
        if "label" in self.inputs or PRESENT in self.inputs:
            raise ValueError("an input is called neither label nor present")
        for role, kind in self.inputs.items():
            if kind in MEDIA and not {role, kind} & self.encoders.keys():
                raise ValueError(f"{role} is of kind {kind}: encoders={{{kind}: MODEL}}")
        if unknown := set(self.left_out) - self.inputs.keys():
            raise ValueError(f"left_out names no input: {', '.join(sorted(unknown))}")
        if set(self.left_out) == self.inputs.keys():
            raise ValueError("left_out leaves nothing to learn from")
        for name in self.encoders:
            if self.inputs.get(name) not in MEDIA and name not in MEDIA:
                raise ValueError(f"{name} has an encoder, and is no image or audio")
        return self

    def encoder_of(self) -> dict[str, str]:
        """Return the encoder of every image or sound, by role."""
        return {
            role: self.encoders.get(role) or self.encoders[kind]
            for role, kind in self.inputs.items()
            if kind in MEDIA
        }


class JointInputs:
    """The part of a task that reads several inputs; the other part says what is learned."""

    options: Any
    columns: ClassVar[tuple[Column, ...]]

    def __init__(self, options: Any):
        super().__init__(options)  # type: ignore[call-arg]
        # its own, where other tasks share their class's
        vars(self)["columns"] = self.columns_for({"inputs": options.inputs})

    @classmethod
    def columns_for(cls, options: Mapping[str, Any]) -> tuple[Column, ...]:
        """Return the columns that options ask for."""
        inputs = options.get("inputs")
        if not isinstance(inputs, Mapping):
            return cls.columns
        answer = next(one for one in cls.columns if one.role == "label")
        return (*(Column(str(role), str(kind)) for role, kind in inputs.items()), answer)

    def load_processor(self, model: str, **options: Any) -> Any:
        """Load the model's tokenizer, and the encoders of images and sounds."""
        from luthier.models.inputs_processor import InputsProcessor

        return InputsProcessor.load(model, self.options.encoder_of(), **options)

    def learn_target(self, rows: Rows) -> Target:
        """Learn what is predicted, and what numbers and categories are like."""
        target: Target = super().learn_target(rows)  # type: ignore[misc]
        learned = {
            role: find("inputs", kind)().learn(column_of(rows, role))
            for role, kind in self.options.inputs.items()
            if kind in LEARNED
        }
        return replace(target, inputs=learned or None)

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise the answers; an input that a table of new rows lacks is absent in all rows."""
        made, found = super().normalize(rows)  # type: ignore[misc]
        lacking = [role for role in self.options.inputs if role not in made]
        if lacking and len(lacking) < len(self.options.inputs):
            empty = {role: [None] * len(made) for role in lacking}
            made = replace(made, columns={**made.columns, **empty})
        return made, found


@dataclass(frozen=True)
class JointCodec(CodecDefaults[Any]):
    """Encodes several inputs of a row; in training some are left out at random."""

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode the inputs; read the gold answers where the rows have them."""
        role = str(self.task.answer_role)
        targets = self.to_targets(self.gold(rows)) if role in rows else None  # type: ignore[attr-defined]
        fields: dict[str, ItemField] = {}
        present: list[list[bool]] = []
        cost = full = kept = np.zeros(len(rows), dtype=np.int64)
        for column in self.task.columns:
            if column.kind not in names("inputs"):
                continue
            cells = cells_of(rows, column, self.limits)
            if column.role in self.task.options.left_out:
                cells = [None] * len(cells)
            made = self._encoded(column.role, column.kind, cells)
            fields |= made.fields
            present.append([not is_absent(cell) for cell in cells])
            cost, full, kept = cost + made.cost, full + made.full_lengths, kept + made.kept_lengths
        fields[PRESENT] = ItemField(np.array(present, dtype=np.float32).reshape(len(present), -1).T)
        gold = None if targets is None else ItemField(targets, 0)
        return Items(fields, gold, cost + 1, full, kept)

    def _encoded(self, role: str, kind: str, cells: Sequence[Any]) -> Encoding:
        """Encode one input; its model arguments carry its role."""
        made: Input = find("inputs", kind)()
        if kind == "text":
            limits = Limits(self.limits.max_tokens)
            texts = ["" if cell is None else cell for cell in cells]
            one = made.encode([texts], self.processor.tokenizer, limits)
            fields = {
                f"{role}.{name}": replace(field, mask=field.mask and f"{role}.{field.mask}")
                for name, field in one.fields.items()
            }
            return replace(one, fields=fields)
        if kind in LEARNED:
            one = made.encode([cells], (self.target.inputs or {})[role], self.limits)
            return replace(one, fields={role: next(iter(one.fields.values()))})
        vectors = self.processor.encoders[role].vectors(cells, made, self.limits)
        nothing = np.zeros(len(cells), dtype=np.int64)
        return Encoding({role: ItemField(vectors)}, nothing, nothing, nothing)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Make a batch; for the loss, leave inputs out at random, but never all of a row."""
        made = super().batch(items, chosen, kind=kind, epoch=epoch)
        share = self.task.options.modality_dropout
        if kind != LOSS or not share or len(self.task.options.inputs) < 2:
            return made
        present = made.inputs[PRESENT].copy()
        for place, item in enumerate(chosen.tolist()):
            drawn = stream(self.seed, "modality", epoch, item).random(present.shape[1])
            known: Array = np.where(present[place] > 0, drawn, -1.0)
            present[place] *= (known >= share) | (known == known.max())
        return replace(made, inputs={**made.inputs, PRESENT: present})

    def head(self) -> Mapping[str, Any]:
        """Return the settings of the head that joins the inputs."""
        options = self.task.options
        inputs: dict[str, dict[str, Any]] = {}
        for role, kind in options.inputs.items():
            inputs[role] = {"kind": kind}
            if kind == "number":
                inputs[role]["width"] = 1
            elif kind == "category":
                inputs[role]["size"] = 1 + len((self.target.inputs or {})[role]["names"])
            elif kind in MEDIA:
                inputs[role]["width"] = self.processor.encoders[role].width
        return {
            "fusion": options.fusion,
            "inputs": inputs,
            "width": options.joint_width,
            "dropout": options.joint_dropout,
            "rate": options.joint_rate,
        }


def is_absent(cell: Any) -> bool:
    """Return whether an input is not there: an empty cell, or a text without characters."""
    return is_missing(cell) if not isinstance(cell, (bytes, np.ndarray)) else False
