"""Writes the rows of a file with their answers, as a table or as lines of JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from luthier.columns import free_name
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.records import Rows
from luthier.spreadsheets import flat, inert

WRITTEN = {".csv": ",", ".tsv": "\t", ".jsonl": None}  # suffix to delimiter; None: lines of JSON


def write_answers(
    path: Path,
    rows: Rows,
    answers: Iterable[Any],
    to_columns: Callable[[JSON], dict[str, JSON]],
    *,
    on_note: Callable[[str], None] | None = None,
) -> None:
    """Write rows in their order, each with its answer; no column of theirs is written over.

    Args:
        path: A `.csv`, `.tsv` or `.jsonl` file.
        rows: The rows.
        answers: One answer for each row.
        to_columns: How the task lays out an answer in a table.
        on_note: Is told which columns of answers have other names, since the rows have theirs.

    Raises:
        DataError: The file has another suffix, is one that the rows are from, or cannot be
            written.
    """
    if path.suffix.lower() not in WRITTEN:
        raise DataError(
            "Predictions are written as .csv, .tsv or .jsonl.",
            received=str(path),
            hint=f"--out {path.with_suffix('.csv')}",
        )
    if path.is_file() and any(_is_same(path, Path(name)) for name in rows.files):
        raise DataError(
            "The answers would replace the rows that they are for.",
            received=f"{path}, as --file and --out",
            hint=f"--out {path.with_name(f'{path.stem}-answers{path.suffix}')}",
        )
    delimiter = WRITTEN[path.suffix.lower()]
    laid_out = ({"prediction": one} if delimiter is None else to_columns(one) for one in answers)
    named = _named_apart(laid_out, rows, on_note or (lambda note: None))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if delimiter is None:
                write_json_lines(file, rows, named)
            else:
                write_table(file, rows, named, delimiter=delimiter)
    except OSError as problem:
        raise DataError(
            "The file for the predictions cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out a path that you may write to",
        ) from problem


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False  # a name that is no path: memory:, hub:


def _named_apart(
    answers: Iterable[Mapping[str, JSON]], rows: Rows, on_note: Callable[[str], None]
) -> Iterator[dict[str, JSON]]:
    """Give columns of answers other names where the rows have columns of their names."""
    names: dict[str, str] = {}
    for answer in answers:
        for name in (one for one in answer if one not in names):
            names[name] = name
            if name in rows:
                names[name] = free_name(name, {*rows.columns, *answer})
                on_note(f"'{name}' is a column of the rows: ours is '{names[name]}'")
        yield {names[name]: cell for name, cell in answer.items()}


def write_json_lines(file: TextIO, rows: Rows, answers: Iterable[Mapping[str, Any]]) -> None:
    """Write each row as a JSON object with its answer beside the file's own columns."""
    for index, answer in enumerate(answers):
        line = {name: values[index] for name, values in rows.columns.items()} | dict(answer)
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def write_table(
    file: TextIO, rows: Rows, answers: Iterable[Mapping[str, Any]], *, delimiter: str
) -> None:
    """Write rows as a table: the file's columns, then what the task lays out of its answers."""
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    for index, answer in enumerate(answers):
        if index == 0:
            table.writerow([inert(name) for name in [*rows.columns, *answer]])
        given = [values[index] for values in rows.columns.values()]
        table.writerow([inert(cell) for cell in [*map(flat, given), *map(flat, answer.values())]])
