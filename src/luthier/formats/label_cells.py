"""Converts labels from the forms in which people keep them to names.

    3, "3"                   the number of a label, where the recipe names labels (`label_names`)
    [1, 0, 0, 1]             a vector: each place is a label, which is given where it is 1
    {"toxic": 1, "rude": 0}  likewise, with names; what several columns of 0 and 1 are read as
    "a, b"                   names in one text, with the recipe's separator

Whatever else stands in a column of labels is left as it is, for `data/labels.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from luthier.data.cells import is_cut_list, refuse_cut, structure_of
from luthier.data.labels import as_number, is_missing, label_name, split_labels
from luthier.errors import DataError, nearest
from luthier.records import Rows
from luthier.results import Finding

BITS = {"0": 0, "1": 1, "false": 0, "true": 1}
UNJUDGED = "-1"
_BITS = re.compile(r"[01](\.0*)?([\s,;|]+[01](\.0*)?)+")
_INTEGER = re.compile(r"-?\d+")
Cells = list[Any]


def canonical_label(
    rows: Rows, role: str, names: Sequence[str] | None
) -> tuple[Rows, list[Finding]]:
    """Convert a column with one label in each row.

    Args:
        rows: The rows.
        role: The column of the labels; nothing is done where it is missing.
        names: Names of the labels whose numbers the rows have, from 0; None: none have numbers.

    Raises:
        DataError: A number has no name, or a row has several labels.
    """
    if role not in rows:
        return rows, []
    cells, found, are_named = _read_vectors(rows, role, names)
    if any(isinstance(cell, list) for cell in cells):
        cells = [_only(cell, rows.where(index)) for index, cell in enumerate(cells)]
    elif names is None:
        return rows, []
    if names is not None and not are_named:
        cells = [name_of(cell, names, rows, index) for index, cell in enumerate(cells)]
    return _with(rows, role, cells), found


def canonical_labels(
    rows: Rows, role: str, names: Sequence[str] | None, separator: str | None
) -> tuple[Rows, list[Finding]]:
    """Convert a column with any number of labels in each row.

    Args:
        rows: The rows.
        role: The column of the labels; nothing is done where it is missing.
        names: Names of the labels whose numbers or places the rows have; None: numbers are names.
        separator: What parts the labels of a text; None detects it for each.

    Raises:
        DataError: A number has no name, or a vector is not one of zeros and ones.
    """
    if role not in rows:
        return rows, []
    for index, cell in enumerate(rows[role]):
        if is_cut_list(cell):
            refuse_cut(cell, role, rows.where(index))
    cells, found, are_named = _read_vectors(rows, role, names)
    if not are_named and names is None and separator is None:
        return rows, []
    cells = [None if cell is None else split_labels(cell, separator) for cell in cells]
    if names is not None and not are_named:
        cells = [
            None if cell is None else [name_of(one, names, rows, index) for one in cell]
            for index, cell in enumerate(cells)
        ]
    return _with(rows, role, cells), found


def canonical_tags(rows: Rows, roles: Sequence[str], names: Sequence[str]) -> Rows:
    """Name the tags, or the labels of spans, that are numbers.

    Raises:
        DataError: A number has no name.
    """
    for role in roles:
        if role in rows:
            cells = [
                [_name_tag(one, names, rows, index) for one in listed]
                if isinstance(listed := _tags(cell), list)
                else cell
                for index, cell in enumerate(rows[role])
            ]
            rows = _with(rows, role, cells)
    return rows


def _tags(cell: object) -> Any:
    cell = structure_of(cell)
    return cell.split() if isinstance(cell, str) else cell


def _name_tag(tag: Any, names: Sequence[str], rows: Rows, index: int) -> Any:
    if isinstance(tag, Mapping):
        return {
            key: name_of(one, names, rows, index) if key in ("label", "type", "entity") else one
            for key, one in tag.items()
        }
    if isinstance(tag, list) and len(tag) == 3:
        return [*tag[:2], name_of(tag[2], names, rows, index)]
    return name_of(tag, names, rows, index)


def name_of(value: object, names: Sequence[str], rows: Rows, index: int) -> Any:
    """Name a label by its number; a label that is written by its name keeps it.

    Raises:
        DataError: It is neither.
    """
    if is_missing(value):
        return value
    name = label_name(value)
    if _INTEGER.fullmatch(name):
        if 0 <= int(name) < len(names):
            return names[int(name)]
    elif name in names:
        return name
    close = nearest(name, names)
    raise DataError(
        f"The label '{name}' at {rows.where(index)} is no number of a label, and no label's name.",
        received=f"'{name}'; task.options.label_names has numbers 0 to {len(names) - 1}: "
        f"{', '.join(names[:10])}",
        hint=f"did you mean '{close}'?" if close else "task.options.label_names=[…] with all names",
    )


def _listed(cell: object) -> Any:
    """Read a list or mapping; a text of zeros and ones is a list, too."""
    if isinstance(cell, str):
        return _listed_text(cell)
    cell = structure_of(cell)
    return list(cell) if isinstance(cell, (tuple, set, frozenset)) else cell


@lru_cache(maxsize=4096)  # labels come again and again; nobody changes what is read
def _listed_text(text: str) -> Any:
    bare = text.strip()
    return re.split(r"[\s,;|]+", bare) if _BITS.fullmatch(bare) else structure_of(text)


def _read_vectors(
    rows: Rows, role: str, names: Sequence[str] | None
) -> tuple[Cells, list[Finding], bool]:
    """Read lists; those that are vectors, and mappings, become lists of names.

    Returns:
        The cells, findings, and whether the lists are of names now.
    """
    cells = [_listed(cell) for cell in rows[role]]
    if any(isinstance(cell, Mapping) for cell in cells):
        named = [
            _named_bits(cell, rows.where(index)) if isinstance(cell, Mapping) else cell
            for index, cell in enumerate(cells)
        ]
        return named, [], True
    n_places = _count_places(cells)
    if n_places == 0:
        _refuse_shares(cells, rows)
        return cells, [], False
    if names is not None and len(names) != n_places:
        raise DataError(
            f"The labels are vectors of {n_places} places, but {len(names)} labels are named.",
            received=f"task.options.label_names=[{', '.join(names[:10])}]",
            hint="a name for each place, in their order",
        )
    labels = names or [str(place) for place in range(n_places)]
    named = [
        None if is_missing(cell) else _names_at(cell, labels, rows.where(index))
        for index, cell in enumerate(cells)
    ]
    return named, [] if names else [_unnamed(rows, role, n_places)], True


def count_places(cells: Sequence[Any]) -> int:
    """Count the places of vectors of zeros and ones; 0 if cells are something else.

    Lists of numbers may also be lists of names: `[0, 1]` alone tells nothing.

    >>> count_places(["[1, 0, 1]", "[0 0 0]"]), count_places([[0, 1], [2]])
    (3, 0)
    """
    return _count_places([_listed(cell) for cell in cells])


def _count_places(cells: Cells) -> int:
    there = [cell for cell in cells if not is_missing(cell)]
    vectors = [cell for cell in there if isinstance(cell, list) and _is_vector(cell)]
    sizes = Counter(map(len, vectors))
    is_told = any(size > 2 for size in sizes) or any(_bits(cell) != [0, 1] for cell in vectors)
    return sizes.most_common(1)[0][0] if is_told and len(vectors) > len(there) / 2 else 0


def _unnamed(rows: Rows, role: str, n_places: int) -> Finding:
    return Finding(
        "unnamed-labels",
        "note",
        f"The labels are vectors of {n_places} zeros and ones: each place is a label, named by its "
        f"number from 0 to {n_places - 1}.",
        len(rows),
        (f"{rows.where(0)}:{role}",),
        f"task.options.label_names=[{', '.join('…' * min(n_places, 4))}] names them, in order",
    )


def _is_vector(cell: Sequence[Any]) -> bool:
    return len(cell) > 1 and all(label_name(part) in BITS for part in cell)


def _bits(cell: Sequence[Any]) -> list[int]:
    return [BITS[label_name(part)] for part in cell]


def _names_at(cell: Any, names: Sequence[str], where: str) -> list[str]:
    if not isinstance(cell, list) or len(cell) != len(names) or not _is_vector(cell):
        raise DataError(
            f"The labels at {where} are no vector of {len(names)} zeros and ones.",
            received=repr(cell)[:80],
            hint="mend the row, or drop it",
        )
    return [name for name, bit in zip(names, _bits(cell), strict=True) if bit]


def _named_bits(cell: Mapping[str, Any], where: str) -> list[str] | None:
    """Return the names whose value is 1; None if all are missing, or -1: nobody judged the row."""
    if all(is_missing(value) or label_name(value) == UNJUDGED for value in cell.values()):
        return None
    for name, value in cell.items():
        if not is_missing(value) and label_name(value) not in BITS:
            raise DataError(
                f"The label {name} at {where} is neither 0 nor 1.",
                received=repr(value)[:60],
                hint="1 where the label is given, else 0; drop rows that nobody judged",
            )
    return split_labels(cell)


def _refuse_shares(cells: Cells, rows: Rows) -> None:
    """Refuse vectors of shares, whose numbers would become names."""
    first = next((at for at, cell in enumerate(cells) if not is_missing(cell)), None)
    if first is None or not all(is_missing(cell) or _is_shares(cell) for cell in cells):
        return
    if any(
        label_name(part) not in BITS for cell in cells if isinstance(cell, list) for part in cell
    ):
        raise DataError(
            f"The labels at {rows.where(first)} are shares, but a label is given or not.",
            received=repr(cells[first])[:80],
            hint="write 1 where the label is given, else 0",
        )


def _is_shares(cell: Any) -> bool:
    if not isinstance(cell, list) or len(cell) < 2:
        return False
    numbers = [as_number(part) for part in cell]
    return all(number is not None and 0 <= number <= 1 for number in numbers)


def _only(cell: Any, where: str) -> Any:
    """Return the one label of a row."""
    if not isinstance(cell, list):
        return cell
    if len(cell) == 1:
        return cell[0]
    raise DataError(
        f"The row at {where} has {len(cell)} labels; this task gives each row one.",
        received=repr(cell)[:80],
        hint="task=multi-label-classification, with data.columns.labels",
    )


def _with(rows: Rows, role: str, cells: Cells) -> Rows:
    return Rows({**rows.columns, role: cells}, rows.files, rows.file_of, rows.lines)
