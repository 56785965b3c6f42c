"""Writes rows to a file: CSV or TSV for spreadsheets, JSON Lines for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.errors import DataError
from luthier.spreadsheets import flat, inert

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def refuse_unwritable(path: Path) -> None:
    """Refuse a path that no rows can be written to, before any work is done.

    Raises:
        DataError: Its ending stands for no format, or its folder is not there.
    """
    if path.suffix.lower() not in (*DELIMITERS, ".jsonl"):
        raise DataError(
            "Rows are written as .csv, .tsv or .jsonl.",
            received=str(path),
            hint=f"{path.with_suffix('.csv').name} or {path.with_suffix('.jsonl').name}",
        )
    if not path.parent.is_dir():
        raise DataError(
            "The folder to write to does not exist.", received=str(path.parent), hint="make it"
        )


def write_rows(columns: Mapping[str, Sequence[Any]], path: Path) -> list[str]:
    """Write rows; what is in lists and mappings is written as JSON.

    Args:
        columns: Column name to cells.
        path: The file: .csv, .tsv or .jsonl.

    Returns:
        Notes: cells that a spreadsheet would run as formulas get a quote in front, except in JSON.

    Raises:
        DataError: The file cannot be written.
    """
    refuse_unwritable(path)
    rows = list(zip(*columns.values(), strict=True))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".jsonl":
                for row in rows:
                    record = dict(zip(columns, row, strict=True))
                    file.write(json.dumps(record, ensure_ascii=False, default=_plain) + "\n")
                return []
            table = csv.writer(file, delimiter=DELIMITERS[path.suffix.lower()], lineterminator="\n")
            table.writerow([inert(name) for name in columns])
            n_quoted = 0
            for row in rows:
                cells = [flat(_plain(cell) if hasattr(cell, "tolist") else cell) for cell in row]
                safe = [inert(cell) for cell in cells]
                n_quoted += sum(one != other for one, other in zip(cells, safe, strict=True))
                table.writerow(safe)
    except OSError as problem:
        raise DataError(
            "The file cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out with a path that you can write to",
        ) from None
    if n_quoted == 0:
        return []
    return [
        f"{n_quoted:,} cells that a spreadsheet would run got a quote in front; "
        f"{path.with_suffix('.jsonl').name} keeps them as they are"
    ]


def _plain(cell: Any) -> Any:
    return cell.tolist() if hasattr(cell, "tolist") else str(cell)
