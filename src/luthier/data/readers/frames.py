"""From tables with types (Parquet, Arrow, pandas, `datasets`, records in memory) to columns.

Values keep their types; what each library calls missing becomes None. Their rows have no lines:
they are numbered from 1.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet

from luthier.data.readers.delimited import Table
from luthier.data.readers.json_files import columns_of
from luthier.errors import DataError

KNOWN = (
    "a path, a list of paths, a pandas DataFrame, a datasets.Dataset, a list of dicts, "
    "a dict of columns, or Rows"
)

LARGE = 1 << 27  # cells, or bytes, that are unpacked without asking how small the file is
MOST_BYTES, MOST_CELLS = 1000, 20  # a byte of a file; tables of texts stay below 20 and 1


def read_parquet(path: Path, *, name: str) -> Table:
    """Read a Parquet file."""
    try:
        file = pyarrow.parquet.ParquetFile(path)
        _refuse_bomb(file.metadata, path.stat().st_size, name)
        return table_of_arrow(file.read(), name=name)
    except (pyarrow.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(name, "Parquet", problem) from problem


def _refuse_bomb(told: Any, n_bytes: int, name: str) -> None:
    """Refuse a small file that says it holds what no memory does, before it is unpacked."""
    groups = (told.row_group(index) for index in range(told.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    n_cells = told.num_rows * told.num_columns
    if unpacked > max(LARGE, MOST_BYTES * n_bytes) or n_cells > max(LARGE, MOST_CELLS * n_bytes):
        raise DataError(
            f"{name} is small and would unpack to more than memory may hold.",
            received=f"{n_bytes:,} bytes that say they hold {unpacked:,}, {n_cells:,} cells",
            hint="write the file again, or split it",
        )


def read_arrow(path: Path, *, name: str) -> Table:
    """Read an Arrow file or stream, or a Feather file."""
    try:
        with pyarrow.memory_map(str(path)) as file:
            magic = file.read(6)
        if magic[:4] == b"FEA1":
            return table_of_arrow(pyarrow.feather.read_table(path, memory_map=False), name=name)
        is_file = magic == b"ARROW1"
        open_arrow = pyarrow.ipc.open_file if is_file else pyarrow.ipc.open_stream
        with pyarrow.OSFile(str(path)) as file, open_arrow(file) as reader:
            return table_of_arrow(reader.read_all(), name=name)
    except (pyarrow.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(name, "Arrow", problem) from problem


def _unreadable(name: str, kind: str, problem: Exception) -> DataError:
    first = (str(problem).splitlines() or [""])[0]
    return DataError(
        f"{name} cannot be read as {kind}.",
        received=first[:160] or type(problem).__name__,
        hint="write the file again, or give it the ending that fits what is in it",
    )


def table_of_arrow(table: pyarrow.Table, *, name: str) -> Table:
    """Turn an Arrow table into columns."""
    _check(table.column_names, table.num_rows, name)
    columns = {
        column: values.to_pylist()
        for column, values in zip(table.column_names, table.columns, strict=True)
    }
    return _numbered(columns, table.num_rows)


def table_in_memory(source: Any, *, name: str) -> Table:
    """Turn what a user holds in Python into columns.

    Raises:
        DataError: It is nothing that has rows and columns.
    """
    if _is_a(source, "pandas", "DataFrame"):
        return _of_pandas(source, name)
    if _is_a(source, "datasets", "Dataset"):
        return table_of_dataset(source, name=name)
    if isinstance(source, Mapping) and source and _is_a(source, "datasets", "DatasetDict"):
        raise DataError(
            "A DatasetDict has several splits, one is needed.",
            received=f"splits {', '.join(map(str, source))}",
            hint=f"give dataset[{next(iter(source))!r}]",
        )
    if isinstance(source, pyarrow.Table):
        return table_of_arrow(source, name=name)
    if isinstance(source, Mapping):
        return _of_columns(source, name)
    if isinstance(source, Sequence) and all(isinstance(record, Mapping) for record in source):
        columns = columns_of(dict(record) for record in source)
        _check(list(columns), len(source), name)
        return _numbered(columns, len(source))
    raise DataError("These are no rows.", received=type(source).__name__, hint=f"give {KNOWN}")


def table_of_dataset(dataset: Any, *, name: str) -> Table:
    """Turn a `datasets.Dataset` into columns; class numbers become the names that it gives them."""
    table = table_of_arrow(dataset.with_format("arrow")[:], name=name)
    columns, notes = dict(table.columns), []
    for column, feature in dataset.features.items():
        names = getattr(feature, "names", None)
        if type(feature).__name__ == "ClassLabel" and names:
            columns[column] = [
                names[value] if value is not None and 0 <= value < len(names) else None
                for value in columns[column]
            ]
            notes.append(f"column {column}: class numbers replaced by their names")
    return Table(columns, table.lines, tuple(notes))


def _is_a(value: Any, package: str, name: str) -> bool:
    """Say whether a value is of a class, without importing its package."""
    module = sys.modules.get(package)
    kind = getattr(module, name, None) if module is not None else None
    return isinstance(kind, type) and isinstance(value, kind)


def _of_pandas(frame: Any, name: str) -> Table:
    names = [" ".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in frame.columns]
    _check(names, len(frame), name)
    columns = {}
    for index, column in enumerate(names):
        series = frame.iloc[:, index]
        values = series.astype(object).tolist()
        missing = series.isna().tolist()
        columns[column] = [
            None if gone else value for value, gone in zip(values, missing, strict=True)
        ]
    return _numbered(columns, len(frame))


def _of_columns(columns: Mapping[Any, Any], name: str) -> Table:
    lists: dict[str, list[Any]] = {}
    for column, values in columns.items():
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            received = f"{column}: {type(values).__name__}"
            raise DataError(
                "A column is a list of values.", received=received, hint=f"give {KNOWN}"
            )
        lists[str(column)] = values.tolist() if hasattr(values, "tolist") else list(values)
    lengths = {column: len(values) for column, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            "Columns are not of one length.",
            received=", ".join(f"{column}: {length}" for column, length in lengths.items()),
            hint="one value for every row in each column",
        )
    _check(list(lists), max(lengths.values(), default=0), name)
    return _numbered(lists, max(lengths.values(), default=0))


def _numbered(columns: dict[str, list[Any]], n_rows: int) -> Table:
    return Table(columns, list(range(1, n_rows + 1)))


def _check(names: Sequence[str], n_rows: int, name: str) -> None:
    if not names or not n_rows:
        received = f"columns {', '.join(names)}" if names else "no columns"
        raise DataError(f"{name} has no rows.", received=received, hint="give at least one row")
    twice = sorted({column for column in names if list(names).count(column) > 1})
    if twice:
        raise DataError(
            f"{name} has two columns called '{twice[0]}'.",
            received=f"columns {', '.join(names)}",
            hint="rename one of them",
        )
