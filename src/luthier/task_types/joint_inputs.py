"""Tasks that read several kinds of input at once: their columns, what is learned of them, batches.

    row ─► a vector for each input (or its token ids), and which inputs are present

The recipe names the inputs (`task.options.inputs`), so the columns of such a task are its own.
Next: `models/fusion.py`, which joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from luthier.codec import LOSS
from luthier.columns import PRESENT, Column, Encoding, Input, Limits
from luthier.data.labels import is_missing
from luthier.errors import RecipeError
from luthier.items import Batch, ItemField, Items
from luthier.media.places import MEDIA
from luthier.ragged import Array
from luthier.records import Rows, Target
from luthier.registry import find, names
from luthier.results import Finding
from luthier.seeding import stream
from luthier.task_types.defaults import CodecDefaults, column_of
from luthier.task_types.encode_inputs import cells_of

LEARNED = ("number", "category")  # kinds of which training rows tell mean or values
NOTHING = {  # what an encoder is given where an input is absent; nothing of it is read
    "image": np.full((1, 1, 3), 255, dtype=np.uint8),
    "audio": np.zeros(1600, dtype=np.float32),
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
        from luthier.models.locate import NO_MODEL

        has_texts = "text" in self.options.inputs.values()
        if model != NO_MODEL and not has_texts:
            raise RecipeError(
                "No input is a text, so there is nothing for the model to read.",
                received=f"model={model}, inputs {', '.join(self.options.inputs)}",
                hint=f"model={NO_MODEL}; what reads images and sounds: task.options.encoders",
            )
        return InputsProcessor.load(
            model if has_texts else None,
            self.options.encoder_of(),
            tuned=self.options.tuned_roles(),
            **options,
        )

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
        return Items(fields, gold, cost + 1, np.maximum(full, 1), np.maximum(kept, 1))

    def _encoded(self, role: str, kind: str, cells: Sequence[Any]) -> Encoding:
        """Encode one input; its model arguments carry its role."""
        made: Input = find("inputs", kind)()
        if kind == "text":
            limits = Limits(self.limits.max_tokens)
            texts = ["" if cell is None else cell for cell in cells]
            return named(role, made.encode([texts], self.processor.tokenizer, limits))
        if kind in LEARNED:
            one = made.encode([cells], (self.target.inputs or {})[role], self.limits)
            return replace(one, fields={role: next(iter(one.fields.values()))})
        encoder = self.processor.encoders[role]
        if role in self.task.options.tuned_roles():
            given = [NOTHING[kind] if cell is None else cell for cell in cells]
            return named(role, made.encode([given], encoder.processor, self.limits))
        vectors = encoder.vectors(cells, made, self.limits)
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

    def patterns(self, rows: Rows) -> list[str]:
        """Say of every row which inputs it has."""
        roles = [role for role in self.task.input_roles if role in rows]
        return [
            " + ".join(role for role in roles if not is_absent(rows[role][index])) or "none"
            for index in range(len(rows))
        ]

    def head(self) -> Mapping[str, Any]:
        """Return the settings of the head that joins the inputs."""
        options, tuned = self.task.options, self.task.options.tuned_roles()
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
            **({"encoders": self.processor.copies(tuned)} if tuned else {}),
        }


def named(role: str, encoding: Encoding) -> Encoding:
    """Give model arguments of an input its role, so that those of several do not collide."""
    fields = {
        f"{role}.{name}": replace(field, mask=field.mask and f"{role}.{field.mask}")
        for name, field in encoding.fields.items()
    }
    return replace(encoding, fields=fields)


def is_absent(cell: Any) -> bool:
    """Return whether an input is not there: an empty cell, or a text without characters."""
    return is_missing(cell) if not isinstance(cell, (bytes, np.ndarray)) else False
