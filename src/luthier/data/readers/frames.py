"""Reads typed tables (Parquet, Arrow, pandas, `datasets`, records in memory) to columns.

Values keep their types; missing values of each library become None. Rows have no lines; they are
numbered from 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from luthier.data.readers.class_names import features_in, name_classes
from luthier.data.readers.delimited import Table
from luthier.data.readers.json_files import columns_of
from luthier.errors import DataError
from luthier.surrogates import without_surrogates

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset
    from pandas import DataFrame, Series

KNOWN = (
    "a path, a list of paths, a pandas DataFrame, a datasets.Dataset, a list of dicts, "
    "a dict of columns, or Rows"
)

LARGE = 1 << 27  # cells or bytes that may be unpacked from a file of any size
MOST_BYTES, MOST_CELLS = 1000, 20  # for each byte of a file; tables of texts need up to 20 and 1


def read_parquet(path: Path, *, name: str) -> Table:
    """Read a Parquet file."""
    import pyarrow.parquet  # large, and here alone

    try:
        file = pyarrow.parquet.ParquetFile(path)
        _refuse_bomb(file.metadata, path.stat().st_size, name)
        return table_of_arrow(file.read(), name=name)
    except (pyarrow.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(name, "Parquet", problem) from problem


def _refuse_bomb(metadata: pyarrow.parquet.FileMetaData, n_bytes: int, name: str) -> None:
    """Refuse a small file that would exhaust memory, before it is unpacked."""
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    n_cells = metadata.num_rows * metadata.num_columns
    if unpacked > max(LARGE, MOST_BYTES * n_bytes) or n_cells > max(LARGE, MOST_CELLS * n_bytes):
        raise DataError(
            f"{name} is small, but would unpack to more than memory may hold.",
            received=f"{n_bytes:,} bytes that declare {unpacked:,} bytes, {n_cells:,} cells",
            hint="write the file again, or split it",
        )


def read_arrow(path: Path, *, name: str) -> Table:
    """Read an Arrow file or stream, or a Feather file."""
    import pyarrow.feather

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
        hint="write the file again, or give it the suffix of its format",
    )


def table_of_arrow(
    table: pyarrow.Table, *, name: str, features: Mapping[str, Any] | None = None
) -> Table:
    """Convert an Arrow table to columns; class numbers become class names.

    Args:
        table: The table.
        name: The name of its file in messages.
        features: The features of `datasets`; None reads them from the table's metadata.
    """
    _check(table.column_names, table.num_rows, name)
    columns = {
        column: values.to_pylist()
        for column, values in zip(table.column_names, table.columns, strict=True)
    }
    if features is None:
        features = features_in(table.schema.metadata)
    named, notes = name_classes(columns, features, name=name)
    return replace(_numbered(named, table.num_rows), notes=notes)


def table_in_memory(source: object, *, name: str) -> Table:
    """Convert rows in memory to columns.

    Raises:
        DataError: The object has no rows and columns.
    """
    if _is_a(source, "pandas", "DataFrame"):
        return _of_pandas(source, name)
    if _is_a(source, "datasets", "Dataset"):
        return table_of_dataset(source, name=name)
    if isinstance(source, Mapping) and source and _is_a(source, "datasets", "DatasetDict"):
        raise DataError(
            "A DatasetDict has several splits, but one is needed.",
            received=f"splits {', '.join(map(str, source))}",
            hint=f"pass dataset[{next(iter(source))!r}]",
        )
    if _is_a(source, "pyarrow", "Table"):
        return table_of_arrow(source, name=name)
    if isinstance(source, Mapping):
        return _encodable(_of_columns(source, name))
    if isinstance(source, Sequence) and all(isinstance(record, Mapping) for record in source):
        columns = columns_of(dict(record) for record in source)
        _check(list(columns), len(source), name)
        return _encodable(_numbered(columns, len(source)))
    raise DataError("These are not rows.", received=type(source).__name__, hint=f"pass {KNOWN}")


def is_table(source: object) -> bool:
    """Return whether rows in memory are a table by their type: pandas, `datasets` or Arrow."""
    is_frame = _is_a(source, "pandas", "DataFrame") or _is_a(source, "datasets", "Dataset")
    return is_frame or _is_a(source, "pyarrow", "Table")


def cells_in_memory(values: Iterable[object]) -> list[object]:
    """Make a list of the cells of one column: a list, an array, a pandas Series or a generator.

    >>> cells_in_memory(cell for cell in "ab")
    ['a', 'b']
    """
    if _is_a(values, "pandas", "Series") or _is_a(values, "pandas", "Index"):
        return _cells_of_series(values)
    if _is_a(values, "pyarrow", "Array") or _is_a(values, "pyarrow", "ChunkedArray"):
        return list(values.to_pylist())
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return list(values.tolist())
    return list(values)


def table_of_dataset(dataset: Dataset, *, name: str) -> Table:
    """Convert a `datasets.Dataset` to columns; class numbers become class names."""
    arrow = dataset.with_format("arrow")[:]
    return table_of_arrow(arrow, name=name, features=dataset.features.to_dict())


def _is_a(value: object, package: str, name: str) -> TypeGuard[Any]:
    """Return whether a value is an instance of a class, without importing its package."""
    module = sys.modules.get(package)
    kind = getattr(module, name, None) if module is not None else None
    return isinstance(kind, type) and isinstance(value, kind)


def _of_pandas(frame: DataFrame, name: str) -> Table:
    names = [" ".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in frame.columns]
    _check(names, len(frame), name)
    columns = {}
    for index, column in enumerate(names):
        columns[column] = _cells_of_series(frame.iloc[:, index])
    return _numbered(columns, len(frame))


def _cells_of_series(series: Series) -> list[object]:
    values = series.astype(object).tolist()
    missing = series.isna().tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def _of_columns(columns: Mapping[object, object], name: str) -> Table:
    lists: dict[str, list[object]] = {}
    for column, values in columns.items():
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            received = f"{column}: {type(values).__name__}"
            raise DataError(
                "A column must be a list of values.", received=received, hint=f"pass {KNOWN}"
            )
        lists[str(column)] = values.tolist() if hasattr(values, "tolist") else list(values)
    lengths = {column: len(values) for column, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            "Columns differ in length.",
            received=", ".join(f"{column}: {length}" for column, length in lengths.items()),
            hint="one value for every row in each column",
        )
    _check(list(lists), max(lengths.values(), default=0), name)
    return _numbered(lists, max(lengths.values(), default=0))


def _numbered(columns: Mapping[str, Sequence[object]], n_rows: int) -> Table:
    return Table(columns, list(range(1, n_rows + 1)))


def _encodable(table: Table) -> Table:
    """Replace halves of surrogate pairs, which strings in memory can hold and UTF-8 cannot."""
    columns = {name: without_surrogates(list(one)) for name, one in table.columns.items()}
    return replace(table, columns=columns)


def _check(names: Sequence[str], n_rows: int, name: str) -> None:
    if not names or not n_rows:
        received = f"columns {', '.join(names)}" if names else "no columns"
        raise DataError(f"{name} has no rows.", received=received, hint="pass at least one row")
    twice = sorted({column for column in names if list(names).count(column) > 1})
    if twice:
        raise DataError(
            f"{name} has two columns called '{twice[0]}'.",
            received=f"columns {', '.join(names)}",
            hint="rename one of them",
        )
