"""Writes the rows of a file with their answers, as a table or as lines of JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.records import Rows
from luthier.spreadsheets import flat, inert

WRITTEN = {".csv": ",", ".tsv": "\t", ".jsonl": None}  # suffix to delimiter; None: lines of JSON


def write_answers(
    path: Path, rows: Rows, answers: Iterable[Any], to_columns: Callable[[JSON], dict[str, JSON]]
) -> None:
    """Write rows in their order, each with its answer.

    Args:
        path: A `.csv`, `.tsv` or `.jsonl` file.
        rows: The rows.
        answers: One answer for each row.
        to_columns: How the task lays out an answer in a table.

    Raises:
        DataError: The file has another suffix, or cannot be written.
    """
    if path.suffix.lower() not in WRITTEN:
        raise DataError(
            "Predictions are written as .csv, .tsv or .jsonl.",
            received=str(path),
            hint=f"--out {path.with_suffix('.csv')}",
        )
    delimiter = WRITTEN[path.suffix.lower()]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if delimiter is None:
                write_json_lines(file, rows, answers)
            else:
                write_table(file, rows, map(to_columns, answers), delimiter=delimiter)
    except OSError as problem:
        raise DataError(
            "The file for the predictions cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out a path that you may write to",
        ) from problem


def write_json_lines(file: TextIO, rows: Rows, answers: Iterable[Any]) -> None:
    """Write each row as a JSON object with its answer beside the file's own columns."""
    for index, answer in enumerate(answers):
        line = {name: values[index] for name, values in rows.columns.items()}
        line["prediction"] = answer
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
