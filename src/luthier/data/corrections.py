"""Takes labels that people corrected from a file back into rows.

    row          text            label
    a.csv:12     Who cares?      negative

Rows are found by their places, as `luthier inspect --labels --out suspects.csv` writes them, or by
their texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from luthier.columns import SOFT
from luthier.data.cells import structure_of
from luthier.data.labels import as_number, is_missing, label_name, split_labels
from luthier.data.readers.read import read_and_check, short
from luthier.errors import DataError, nearest
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows

ROW = "row"  # the column of places
SHOWN = 3  # rows that an error names
CORRECTED = ("single-label", "multi-label", "tags", "number")  # kinds of target, by a file
Place = tuple[str, int]  # split, row


def with_corrections(
    parts: Mapping[str, Rows], recipe: Recipe, task: Task
) -> tuple[dict[str, Rows], str]:
    """Replace labels by those of `data.labels_from`.

    Raises:
        DataError: The file has no such labels, or is of other rows.
    """
    data, role = recipe.data, task.answer_role
    if role is None or task.kind not in CORRECTED:
        raise DataError(
            "Corrections are read of labels, tags and numbers.",
            received=f"data.labels_from={data.labels_from} for {task.name}",
            hint="data.labels_from=null",
        )
    file, _, _ = read_and_check(data.labels_from)
    columns = dict(file.columns)
    for one in (role, *task.input_roles):
        name = data.columns.get(one)
        if one not in columns and isinstance(name, str) and name in columns:
            columns[one] = columns.pop(name)
    file = replace(file, columns=columns)
    if role not in file:
        raise DataError(
            f"{data.labels_from} has no column '{role}' with the corrected labels.",
            received=f"columns {', '.join(file.columns)}",
            hint=f"name the column of the labels {role}",
        )
    return corrected(parts, file, role=role, inputs=task.input_roles, kind=task.kind)


def corrected(
    parts: Mapping[str, Rows], file: Rows, *, role: str, inputs: Sequence[str], kind: str
) -> tuple[dict[str, Rows], str]:
    """Replace the labels that a file of corrections has.

    Args:
        parts: The rows of each split, by its name.
        file: The corrections, with the column `role` and with places or all inputs.
        role: The column of the labels.
        inputs: The columns of what was judged.
        kind: Kind of the target.

    Returns:
        The rows, and how many labels were changed, in words.

    Raises:
        DataError: The file names a label that no row has, a row that is not there or that has
            another text, or a row twice with different labels.
    """
    found = _places(parts, file, inputs)
    _refuse_unknown(parts, file, role, kind)
    cells = {split: list(rows[role]) for split, rows in parts.items()}
    soft = {split: list(rows[SOFT]) for split, rows in parts.items() if SOFT in rows}
    n_changed, given = 0, dict[Place, Hashable]()
    for index, places in enumerate(found):
        cell = file[role][index]
        for split, row in places:
            name = _name(cell, kind)
            if given.setdefault((split, row), name) != name:
                raise DataError(
                    "A row is corrected twice, to different labels.",
                    received=f"{parts[split].where(row)}; the second at {file.where(index)}",
                    hint="keep one of them",
                )
            if _name(cells[split][row], kind) != name:
                n_changed += 1
                cells[split][row] = list(name) if isinstance(name, tuple) else cell
                _refuse_other_length(parts[split], row, cells[split][row], kind, file.where(index))
                if split in soft:
                    soft[split][row] = None
    made = {
        split: replace(
            rows,
            columns={**rows.columns, role: cells[split]}
            | ({SOFT: soft[split]} if split in soft else {}),
        )
        for split, rows in parts.items()
    }
    name = short(file.files[0])
    return made, f"{name}: {n_changed:,} labels changed, {len(given) - n_changed:,} as they were"


def _places(parts: Mapping[str, Rows], file: Rows, inputs: Sequence[str]) -> list[list[Place]]:
    """Find the rows that each correction is of."""
    by_place: dict[str, list[Place]] = defaultdict(list)
    by_text: dict[Hashable, list[Place]] = defaultdict(list)
    for split, rows in parts.items():
        for row in range(len(rows)):
            by_place[short(rows.where(row))].append((split, row))
            by_text[_text(rows, row, inputs)].append((split, row))
    has_text = all(role in file for role in inputs)
    if ROW not in file and not has_text:
        raise DataError(
            f"{', '.join(file.files)} does not say which rows it corrects.",
            received=f"columns {', '.join(file.columns)}",
            hint=f"a column '{ROW}' (file:line), or {' and '.join(inputs)}",
        )
    found = []
    for index in range(len(file)):
        if ROW in file:
            places = by_place.get(short(str(file[ROW][index])), [])
            key = _text(file, index, inputs) if has_text else None
            others = [one for one in places if _text(parts[one[0]], one[1], inputs) != key]
            if has_text and others:
                raise _other_text(parts, others[0], file, index, inputs)
        else:
            places = by_text.get(_text(file, index, inputs), [])
        found.append(places)
    lost = [index for index, places in enumerate(found) if not places]
    if lost:
        where = ", ".join(file.where(index) for index in lost[:SHOWN])
        raise DataError(
            f"{len(lost):,} of {len(file):,} corrections are of no row that there is.",
            received=f"at {where}: {_shown(file, lost[0], inputs)}",
            hint="the file must be of these rows; leave out the others",
        )
    return found


def _text(rows: Rows, row: int, inputs: Sequence[str]) -> tuple[str, ...]:
    """Return what was judged; a quote that keeps spreadsheets from running it does not count."""
    cells = ["" if rows[role][row] is None else str(rows[role][row]) for role in inputs]
    return tuple(" ".join(cell.removeprefix("'").split()) for cell in cells)


def _shown(file: Rows, index: int, inputs: Sequence[str]) -> str:
    named = [ROW, *inputs]
    return ", ".join(f"{name} {str(file[name][index])[:50]!r}" for name in named if name in file)


def _other_text(
    parts: Mapping[str, Rows], place: Place, file: Rows, index: int, inputs: Sequence[str]
) -> DataError:
    split, row = place
    return DataError(
        "A correction is of a row that has another text.",
        received=f"{file.where(index)}: {_shown(file, index, inputs)}; "
        f"now {' '.join(_text(parts[split], row, inputs))[:60]!r}",
        hint=f"remove the column '{ROW}', so that rows are found by their texts",
    )


def _name(cell: Any, kind: str) -> Hashable:
    """Return what makes two answers equal."""
    if kind == "multi-label":
        return tuple(sorted(split_labels(cell)))
    if kind == "tags":
        found = structure_of(cell)
        return tuple(found.split() if isinstance(found, str) else map(str, found))
    return as_number(cell) if kind == "number" else label_name(cell)


def _names(cell: Any, kind: str) -> Sequence[Any]:
    found = _name(cell, kind)
    return found if isinstance(found, tuple) else (found,)


def _refuse_unknown(parts: Mapping[str, Rows], file: Rows, role: str, kind: str) -> None:
    if kind == "number":
        return
    known = {name for rows in parts.values() for cell in rows[role] for name in _names(cell, kind)}
    for index, cell in enumerate(file[role]):
        if is_missing(cell) and kind != "multi-label":
            raise DataError(
                "A correction has no label.",
                received=file.where(index),
                hint="leave out rows that stay as they are",
            )
        for name in _names(cell, kind):
            if name not in known:
                close = nearest(str(name), map(str, known))
                raise DataError(
                    f"A correction names a label that no row has, at {file.where(index)}.",
                    received=f"'{name}'; labels are {', '.join(sorted(map(str, known))[:10])}",
                    hint=f"did you mean '{close}'?" if close else "one of the labels",
                )


def _refuse_other_length(rows: Rows, row: int, cell: Any, kind: str, where: str) -> None:
    if kind == "tags" and "words" in rows and len(cell) != len(rows["words"][row]):
        raise DataError(
            f"The correction at {where} has another number of tags than the row has words.",
            received=f"{len(cell)} tags, {len(rows['words'][row])} words",
            hint="one tag for each word",
        )
