"""Columns of the user's file: their roles, and how inputs of each kind are encoded.

A kind of input is a plug-in in `inputs/`: text, choices and whatever a third party adds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from luthier.declarations import JSON
from luthier.items import ItemField
from luthier.ragged import Array

MOST_SECONDS = 10.0  # of a sound, where a recipe does not say
PRESENT = "present"  # the model argument that says which inputs a row has, (rows, inputs)
SOFT_ROLE = "label_probabilities"  # the role of a column that says how likely labels are
SOFT = "label probabilities, as read"  # where rows keep them: label to probability, or None
VOTED = "label probabilities, as voted"  # likewise, of labelling functions; {} without a vote


@dataclass(frozen=True)
class Column:
    """A role of a column of the user's file in a task.

    Args:
        role: The task's name for the column.
        kind: For inputs, a name in the catalogue of inputs (`text`, `choices` …). For answers:
            `label`, `labels`, `value`, `tags`, `answers` or `reference`.
        guesses: Usual names of such columns, for `luthier init`.
    """

    role: str
    kind: str
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How much of a row a model reads.

    Args:
        max_tokens: Most tokens of an item.
        stride: Tokens that two windows of a long row share; None: long rows are truncated.
        max_seconds: Most seconds of a sound.
        media: Folder that paths of images and sounds are relative to; None: that of a row's file.
    """

    max_tokens: int
    stride: int | None = None
    max_seconds: float = MOST_SECONDS
    media: str | None = None


@dataclass(frozen=True)
class Encoding:
    """Input columns as model arguments.

    Args:
        fields: Field of every model argument.
        cost: Cost of every item in tokens, patches or frames, (items,).
        full_lengths: Cost of every row before truncation, (rows,).
        kept_lengths: Cost of every row after truncation, (rows,).
        row_of: Row of every item, (items,), ascending; None: item i is row i.
    """

    fields: Mapping[str, ItemField]
    cost: Array
    full_lengths: Array
    kept_lengths: Array
    row_of: Array | None = None


@dataclass(frozen=True)
class Shown:
    """A cell as a person sees it: `kind` names a panel's template, `data` is JSON."""

    kind: str
    data: Any


@dataclass(frozen=True)
class Part:
    """A part of a cell that can be left out: its name, and the cell without it."""

    name: str
    without: Any


class Input(Protocol):
    """One kind of input column: how its cells become model arguments, and how they are shown."""

    name: ClassVar[str]
    is_text: ClassVar[bool]  # whether checks and baselines may read the cells as words
    has_words: ClassVar[bool]  # whether models read words in them; absent: as `is_text`
    endings: ClassVar[tuple[str, ...]]  # of the files that cells name; absent: cells name none

    def load_processor(self, model: str, **options: Any) -> Any:
        """Load what Transformers encodes such cells with; None where nothing is needed."""
        ...

    def encode(self, columns: Sequence[Sequence[Any]], processor: Any, limits: Limits) -> Encoding:
        """Turn the cells of one or several columns into model arguments.

        Raises:
            DataError: A cell cannot be read.
        """
        ...

    def show(self, cell: JSON) -> Shown:
        """Show one cell in reports."""
        ...

    def parts(self, cell: Any, limits: Limits) -> Sequence[Part]:
        """List the parts of a cell that explanations leave out in turn; absent: it has none."""
        ...


def free_name(name: str, taken: Collection[str]) -> str:
    """Give a column a number where another has its name.

    >>> free_name("score", ["text"]), free_name("score", ["score", "score_2"])
    ('score', 'score_3')
    """
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (name, *numbered) if one not in taken)
