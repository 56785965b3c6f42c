"""Reads a source (a file, a folder, a frame …) to `Rows` with columns named by the task's roles.

    source ─► files (find_files.py) ─► text (encoding.py) ─► columns (a file for each format)
                                 └► columns (frames.py, hub.py)              ─► Rows, notes

The notes tell what was detected. Next: `data/split.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from luthier.columns import free_name
from luthier.data.readers.brat import read_brat
from luthier.data.readers.conll import parse_conll
from luthier.data.readers.delimited import DELIMITERS, SPELLED, Table, parse_delimited, spell
from luthier.data.readers.encoding import Decoded
from luthier.data.readers.find_files import MEDIA, File, find_files
from luthier.data.readers.form import Form, MisreadError
from luthier.data.readers.frames import read_arrow, read_parquet, table_in_memory
from luthier.data.readers.hub import read_hub
from luthier.data.readers.json_files import parse_json, parse_json_lines
from luthier.data.readers.languages import join_variants
from luthier.data.readers.limits import refuse_endless, refuse_long_cells
from luthier.data.readers.line_pairs import read_line_pairs
from luthier.data.readers.nested import with_fields
from luthier.data.readers.plain_text import open_text, parse_labelled_lines, parse_plain_text
from luthier.data.readers.sniff import SAMPLE, is_table_of_words, label_side
from luthier.data.readers.tmx import parse_tmx
from luthier.data.readers.webdataset import read_webdataset
from luthier.data.readers.xliff import parse_xliff
from luthier.errors import DataError, column_fix, nearest
from luthier.records import Rows
from luthier.results import Finding

FIELDS = tuple(field.name for field in fields(Form))  # of a recipe's data: how files are written
FEW = 3  # files whose notes are listed separately
_COUNT = re.compile(r"^\d+ ")
PARSERS: Mapping[str, Callable[..., Table]] = {
    "json": parse_json,
    "jsonl": parse_json_lines,
    "text": parse_plain_text,
    "tmx": parse_tmx,
    "xliff": parse_xliff,
}


def read(
    source: object, *, columns: Mapping[str, str | Sequence[str]] | None = None, **form: Any
) -> tuple[Rows, list[str]]:
    """Read rows from any source.

    Args:
        source: A path, `package:NAME/FILE`, `hub:NAME`, a folder, a list of these; or rows in
            memory: a pandas DataFrame, a `datasets.Dataset`, records, columns or `Rows`.
        columns: Maps the task's roles to columns of the source, which are renamed; to several
            columns for a role whose cells are lists: a cell then maps their names to their values.
        form: How files are written, as in `Form`; what is omitted is detected.

    Returns:
        The rows, and notes for the user such as "reviews.csv: encoding cp1252".

    Raises:
        DataError: The source cannot be read; the error tells what was found and how to fix it.

    >>> rows, notes = read({"review": ["Good.", "Bad."]}, columns={"text": "review"})
    >>> rows["text"], notes
    (['Good.', 'Bad.'], [])
    """
    return read_and_check(source, columns=columns, **form)[:2]


def read_and_check(
    source: object, *, columns: Mapping[str, str | Sequence[str]] | None = None, **form: Any
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows like `read`, and return also what looks as if it was misread."""
    roles = dict(columns or {})
    if isinstance(source, Rows):
        found, notes = join_variants(source.columns, _asked(roles))
        renamed = rename(found, roles, name=", ".join(source.files))
        return Rows(renamed, source.files, source.file_of, source.lines), notes, []
    return rows_of(tables_of(source, Form(**form)), roles)


def rows_of(
    named: list[tuple[str, Table]], roles: Mapping[str, str | Sequence[str]]
) -> tuple[Rows, list[str], list[Finding]]:
    """Join tables to rows, with the columns renamed; collect their notes and findings."""
    notes = _gather_notes(named)
    tables = []
    for name, table in named:
        columns, joined = join_variants(table.columns, _asked(roles))
        notes += [f"{short(name)}: {note}" for note in joined]
        renamed = rename(columns, roles, name=name, proposed=table.proposed)
        tables.append((name, Table(renamed, table.lines)))
    return _join(tables, notes), notes, _gather_findings(named)


def _asked(roles: Mapping[str, str | Sequence[str]]) -> list[str]:
    return [name for name in roles.values() if isinstance(name, str)]


def short(name: str) -> str:
    """Name a file without its folders."""
    return name if name.startswith("hub:") else name.replace("\\", "/").rpartition("/")[2]


def _gather_notes(named: list[tuple[str, Table]]) -> list[str]:
    """Merge equal notes on many files, with the sums of their counts."""
    alike: dict[tuple[str, ...], list[tuple[str, Table]]] = {}
    for name, table in named:
        if table.notes:
            key = tuple(_COUNT.sub("", note) for note in table.notes)
            alike.setdefault(key, []).append((name, table))
    gathered = []
    for told, group in alike.items():
        if len(group) <= FEW:
            gathered += [f"{short(name)}: {', '.join(table.notes)}" for name, table in group]
            continue
        columns = zip(*(table.notes for _, table in group), strict=True)
        counts = [sum(int(n) for note in notes for n in _COUNT.findall(note)) for notes in columns]
        sums = [
            f"{count} {note}" if count else note for count, note in zip(counts, told, strict=True)
        ]
        gathered.append(f"{short(group[0][0])} and {len(group) - 1} more: {', '.join(sums)}")
    return gathered


def _gather_findings(named: list[tuple[str, Table]]) -> list[Finding]:
    """Collect the findings of all files; of many alike, the first few, and how many more."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for _, table in named:
        for found in table.findings:
            alike.setdefault((found.code, found.severity), []).append(found)
    gathered = []
    for group in alike.values():
        last = group[:FEW][-1]
        if len(group) > FEW:
            last = replace(
                last, message=f"{last.message} So it is in {len(group) - FEW} more files."
            )
        gathered += [*group[: FEW - 1], last] if len(group) > 1 else group
    return gathered


def tables_of(source: object, form: Form) -> list[tuple[str, Table]]:
    """Read each file of a source to a table, by name."""
    if isinstance(source, (str, Path)):
        sources: Sequence[str | Path] = [source]
    elif (
        isinstance(source, (list, tuple))
        and source
        and all(isinstance(part, (str, Path)) for part in source)
    ):
        sources = source
    else:
        return [("memory", table_in_memory(source, name="memory"))]
    tables = []
    for part in sources:
        if str(part).startswith("hub:"):
            tables.append((str(part), read_hub(str(part))))
            continue
        tables += [(file.name, _read_bounded(file, form)) for file in find_files(part, form.format)]
    return tables


def _read_bounded(file: File, form: Form) -> Table:
    """Read a file, none of whose lines and cells may be too long."""
    name, kind, most = short(file.name), form.kind(file.kind), form.max_row_bytes
    paths = [path for _, path in file.parts] or [file.path]
    if kind == "brat":
        paths.append(file.path.with_suffix(".txt"))
    for path in paths:
        refuse_endless(path, kind, name=path.name if len(paths) > 1 else name, max_bytes=most)
    table = _read_file(file, form, name, kind)
    refuse_long_cells(table.columns, table.lines, name=name, max_bytes=most)
    return table


def _read_file(file: File, form: Form, name: str, kind: str) -> Table:
    encoding = form.encoding
    if kind == "parquet":
        return read_parquet(file.path, name=name)
    if kind == "webdataset":
        return read_webdataset(file.path, name=name)
    if kind in MEDIA:
        return Table({kind: [file.path.name], "label": [file.label]}, [1])
    if kind == "arrow":
        return read_arrow(file.path, name=name)
    if kind == "parallel":
        return read_line_pairs(dict(file.parts), name=name, encoding=encoding)
    if kind == "brat":
        return read_brat(file.path, name=name, encoding=encoding)
    decoded = open_text(file.path, name=name, encoding=encoding)
    notes = decoded.notes
    if kind == "labelled":
        return Table({"text": [decoded.text.strip()], "label": [file.label]}, [1], notes)
    if kind == "conll":
        table = parse_conll(decoded.text, name=name, header=form.header)
    elif kind in PARSERS:
        text = decoded.text
        del decoded  # frees the file's bytes
        table = PARSERS[kind](text, name=name)
    elif file.kind == "text" and form.delimiter and (side := _label_side(decoded, form.delimiter)):
        mark = SPELLED.get(form.delimiter, form.delimiter)
        table = parse_labelled_lines(
            decoded.text, side, name=name, delimiter=mark, header=form.header
        )
    else:
        table = _read_table(decoded, form, name, kind)
    return replace(table, notes=(*notes, *table.notes))


def _read_table(decoded: Decoded, form: Form, name: str, kind: str) -> Table:
    """Read a table; propose to gather its rows into sentences, if they are words with tags."""
    lines = [line.rstrip("\r\n") for line in islice(decoded.lines(), SAMPLE)]
    are_words = form.format is None and kind != "text" and is_table_of_words(lines)
    proposed = {"format": "conll"} if are_words else {}
    try:
        table = parse_delimited(
            decoded.lines,
            name=name,
            delimiter=form.delimiter,
            expected="\t" if kind == "tsv" else ",",
            quoting=form.quoting,
            header=form.header,
            max_row_bytes=form.max_row_bytes,
        )
    except DataError as problem:
        if not proposed:
            raise
        raise MisreadError(
            problem.problem,
            received=str(problem.received),
            hint="data.format=conll",
            proposed=proposed,
        ) from problem
    return replace(table, proposed=proposed) if proposed else table


def _label_side(decoded: Decoded, delimiter: str) -> str | None:
    """Tell on which side of a text its label is, if some texts have the delimiter, too."""
    mark = SPELLED.get(delimiter, delimiter)
    lines = [line.rstrip("\r\n") for line in decoded.lines() if line.strip()]
    counts = {line.count(mark) for line in lines}
    return label_side(lines, mark) if len(counts) > 1 and min(counts) == 1 else None


def rename(
    columns: Mapping[str, Sequence[object]],
    roles: Mapping[str, str | Sequence[str]],
    *,
    name: str,
    proposed: Mapping[str, Any] | None = None,
) -> dict[str, Sequence[object]]:
    """Rename mapped columns to their roles; another column of that name gets a suffix.

    A field within the cells of a column is named by its path, `data.text`.

    >>> rename({"text": [1], "body": [2]}, {"text": "body"}, name="f.csv")
    {'text_2': [1], 'text': [2]}
    >>> rename({"tools": [1], "fruit": [0]}, {"labels": ["tools", "fruit"]}, name="f.csv")
    {'labels': [{'tools': 1, 'fruit': 0}]}
    """
    played: dict[str, str] = {}
    asked = {role: [one] if isinstance(one, str) else one for role, one in roles.items()}
    columns = with_fields(columns, chain.from_iterable(asked.values()))
    for role, given in asked.items():
        for column in given:
            if column not in columns:
                raise _missing(role, column, columns, name, proposed or {}, asked)
            if column in played:
                raise DataError(
                    f"The column '{column}' cannot be both {played[column]} and {role}.",
                    received=f"data.columns.{played[column]}={column} data.columns.{role}={column}",
                    hint=f"data.columns.{role}=another of: {', '.join(columns)}",
                )
            played[column] = role
    taken = {*columns, *roles}
    renamed: dict[str, Sequence[object]] = {}
    for column, values in columns.items():
        if column in played:
            role = played[column]
            given = roles[role]
            if isinstance(given, str):
                renamed[role] = values
            elif role not in renamed:
                cells = zip(*(columns[one] for one in given), strict=True)
                renamed[role] = [dict(zip(given, cell, strict=True)) for cell in cells]
        elif column in roles:
            renamed[free_name(column, taken)] = values
        else:
            renamed[column] = values
    return renamed


def _missing(
    role: str,
    column: str,
    columns: Mapping[str, object],
    name: str,
    proposed: Mapping[str, Any],
    asked: Mapping[str, Sequence[str]],
) -> DataError:
    free = [one for one in columns if one not in chain.from_iterable(asked.values())]
    close = nearest(column, free) or nearest(role, free)
    hint = column_fix(role, [close] if close else free)
    only = next(iter(columns)) if len(columns) == 1 else ""
    mark = next((mark for mark in DELIMITERS if mark in only), None)
    if mark is not None:
        hint = f"data.delimiter={spell(mark)}"
    if proposed:
        hint = " ".join(f"data.{field}={value}" for field, value in proposed.items())
    return DataError(
        f"{short(name)} has no column called '{column}'.",
        received=f"columns {', '.join(columns)}",
        hint=hint,
    )


def _join(named: list[tuple[str, Table]], notes: list[str]) -> Rows:
    """Concatenate the rows of several files; columns that a file lacks are None."""
    names = dict.fromkeys(column for _, table in named for column in table.columns)
    for file, table in named:
        lacking = [column for column in names if column not in table.columns]
        if lacking:
            notes.append(f"{short(file)}: no column {', '.join(lacking)}; its cells are empty")
    joined: dict[str, list[object]] = {column: [] for column in names}
    for _, table in named:
        for column, values in joined.items():
            values.extend(table.columns.get(column) or [None] * len(table.lines))
    counts = [len(table.lines) for _, table in named]
    return Rows(
        joined,
        tuple(file for file, _ in named),
        np.repeat(np.arange(len(named), dtype=np.int32), counts),
        np.concatenate([np.asarray(table.lines, dtype=np.int64) for _, table in named]),
    )
