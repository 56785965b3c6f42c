"""Encodes a task's input columns, whatever their kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from luthier.columns import Column, Encoding, Limits
from luthier.errors import DataError
from luthier.hf_types import Tokenizer
from luthier.inputs.text import token_fields
from luthier.items import ItemField, Items
from luthier.media.places import sources_of
from luthier.ragged import Array
from luthier.records import Rows
from luthier.registry import find, names
from luthier.task_types.defaults import column_of, texts_of
from luthier.text.windows import Windows


def encode_inputs(
    columns: Sequence[Column],
    rows: Rows,
    processor: Tokenizer | Mapping[str, Tokenizer],
    limits: Limits,
) -> Encoding:
    """Encode all input columns; columns of one kind are encoded together.

    Args:
        columns: The task's columns; those that are no inputs are left out.
        rows: The rows.
        processor: Processor of the one kind, or a mapping from kind to processor.
        limits: How much of a row the model reads.

    Raises:
        DataError: Columns of several kinds are to be windowed, which has no one meaning.
    """
    kinds = dict.fromkeys(column.kind for column in columns if column.kind in names("inputs"))
    made: list[Encoding] = [
        find("inputs", kind)().encode(
            [cells_of(rows, column, limits) for column in columns if column.kind == kind],
            processor[kind] if isinstance(processor, Mapping) else processor,
            limits,
        )
        for kind in kinds
    ]
    if len(made) == 1:
        return made[0]
    if any(one.row_of is not None for one in made):
        raise DataError(
            "Rows of several kinds of input cannot be read in windows.",
            received="data.long_texts=windows",
            hint="data.long_texts=cut",
        )
    fields = {name: field for one in made for name, field in one.fields.items()}
    cost, full, kept = (
        np.sum([getattr(one, name) for one in made], axis=0)
        for name in ("cost", "full_lengths", "kept_lengths")
    )
    return Encoding(fields, cost, full, kept)


def cells_of(rows: Rows, column: Column, limits: Limits) -> Sequence[Any]:
    """Return the cells of an input column; missing texts are empty strings, paths are found.

    Raises:
        DataError: A path leads out of its folder.
    """
    kind = find("inputs", column.kind)
    if kind.is_text:
        return texts_of(rows, column.role)
    cells: Sequence[Any] = column_of(rows, column.role)
    return media_of(rows, cells, limits.media) if getattr(kind, "endings", ()) else cells


def media_of(rows: Rows, cells: Sequence[Any], media: str | None) -> list[Any]:
    """Find the images or sounds of a column."""
    files = [rows.files[int(one)] for one in rows.file_of]
    return sources_of(cells, files, [rows.where(row) for row in range(len(rows))], media)


def items_of(encoding: Encoding, targets: Array | None, *, fill: float = 0) -> Items:
    """Make items of an encoding and of one target per row, (rows, …)."""
    row_of = encoding.row_of
    each = targets if targets is None or row_of is None else targets[row_of]
    return Items(
        encoding.fields,
        None if each is None else ItemField(each, fill),
        encoding.cost,
        encoding.full_lengths,
        encoding.kept_lengths,
        row_of,
    )


def items_of_windows(
    windows: Windows, processor: Tokenizer, targets: ItemField | None, layout: object
) -> Items:
    """Make items of the windows of rows.

    Args:
        windows: The windows, as `tokenize_windows` gives them.
        processor: The tokenizer that made them.
        targets: Targets of every window; None where rows have no answers.
        layout: The task's record of what the tokens stand for.
    """
    return Items(
        token_fields(windows.inputs, processor),
        targets,
        windows.inputs["input_ids"].lengths,
        windows.full_lengths,
        windows.kept_lengths,
        windows.row_of,
        layout=layout,
    )
