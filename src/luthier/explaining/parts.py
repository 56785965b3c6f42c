"""Asks a model again about a row without one of its parts: an input, a word, a region, a stretch.

    row ─► parts ─► rows without one of them ─► log-odds

For tasks that read more than texts. Cells are changed and encoded again, so what is asked is what
the model would have answered to such a row. Parts have the form of words: each input is a line of
the names of its parts, and the first line has the inputs themselves. Beside `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch

from luthier.codec import Codec
from luthier.columns import Part
from luthier.errors import ModelError
from luthier.explaining.reader import log_odds
from luthier.explaining.variants import Replacement
from luthier.explanation import Decision, Words
from luthier.ragged import Array
from luthier.records import Rows
from luthier.registry import find
from luthier.task_types.encode_inputs import cells_of
from luthier.task_types.joint_inputs import is_absent

WHOLE = "each input"  # the line of the inputs themselves
LEFT_OUT = Replacement(-1, "nothing")
LONGEST = 40  # characters of a value in that line
Infer = Callable[[Rows, str], Array]  # rows and a kind of inference to outputs (rows, …)


class PartsReader:
    """One decision on one row, and its parts.

    Args:
        codec: The codec.
        row: The row, alone.
        decision: The decision.
        infer: Asks the model.
    """

    def __init__(self, codec: Codec, row: Rows, decision: Decision, infer: Infer):
        self.decision, self.infer, self.note = decision, infer, ""
        self.replacement = LEFT_OUT
        columns = [one for one in codec.task.columns if one.role in codec.task.input_roles]
        self.cells = {one.role: cells_of(row, one, codec.limits)[0] for one in columns}  # type: ignore[arg-type]
        self.left_out: list[tuple[str, Any]] = []  # of every part: its input, and what is then left
        lines: dict[str, list[str]] = {WHOLE: []}
        for one in columns if len(columns) > 1 else []:
            if not is_absent(self.cells[one.role]):
                lines[WHOLE].append(_named(one.role, self.cells[one.role]))
                self.left_out.append((one.role, None))
        for one in columns:
            listed = getattr(find("inputs", one.kind)(), "parts", None)
            cell = self.cells[one.role]
            if listed is None or is_absent(cell):
                continue
            parts: list[Part] = listed(cell, codec.limits)
            lines[one.role] = [part.name for part in parts]
            self.left_out += [(one.role, part.without) for part in parts]
        self.words = words_of({role: names for role, names in lines.items() if names})
        self.n_words = len(self.words)

    def scores(self, without: Array, *, delete: bool = False) -> Array:
        """Return log-odds without one part each, (texts,); see `explanation.Reader`.

        Raises:
            ModelError: Several parts are to be left out at once.
        """
        if (without.sum(axis=1) > 1).any():
            raise ModelError(
                "Parts of images and sounds are left out one at a time.",
                received="several at once",
                hint="--by occlusion",
            )
        columns = {role: [cell] * len(without) for role, cell in self.cells.items()}
        for row, part in zip(*np.nonzero(without), strict=True):
            role, left = self.left_out[int(part)]
            columns[role][int(row)] = left
        values = torch.from_numpy(self.infer(Rows.of(columns), self.decision.kind))
        return np.asarray(log_odds(self.decision, values).double())

    def slopes(self, points: Array, *, from_zero: bool = False) -> tuple[Array, Array]:
        """Raise: there is no way from an image without regions to one with them."""
        raise without_gradients()

    def norms(self) -> tuple[float, Array]:
        """Raise, as `slopes` does."""
        raise without_gradients()

    @cached_property
    def values(self) -> Array:
        """The model's outputs for the row as it is, (…)."""
        row = Rows.of({role: [cell] for role, cell in self.cells.items()})
        return np.asarray(self.infer(row, self.decision.kind)[0])


def without_gradients() -> ModelError:
    """Make the error of an explainer that follows gradients to parts of inputs."""
    return ModelError(
        "Parts of images and sounds have no gradients to follow.",
        received="an explainer that needs them",
        hint="--by occlusion",
    )


def _named(role: str, cell: Any) -> str:
    """Name an input, with its value where it is a number or a category."""
    return f"{role}={cell}"[:LONGEST] if isinstance(cell, (int, float)) else role


def words_of(lines: dict[str, list[str]]) -> Words:
    """Lay the names of parts out as texts, a word each."""
    roles: list[str] = []
    spans: list[tuple[int, int]] = []
    texts: dict[str, str] = {}
    for role, names in lines.items():
        place = 0
        for name in names:
            roles.append(role)
            spans.append((place, place + len(name)))
            place += len(name) + 1
        texts[role] = " ".join(names)
    return Words(tuple(roles), np.array(spans).reshape(-1, 2), np.zeros(0, dtype=np.int64), texts)
