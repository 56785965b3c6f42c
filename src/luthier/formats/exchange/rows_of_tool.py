"""Reads the file of a labelling tool as training rows: a row for each answer, with who gave it."""

from __future__ import annotations

from pathlib import Path

from luthier.data.readers.read import read, short
from luthier.errors import DataError
from luthier.formats.exchange.convert import answers_of, columns_of, tool_of
from luthier.records import Rows

ENDINGS = (".json", ".jsonl")


def rows_of_tool(source: object, annotator: str) -> tuple[Rows, list[str]] | None:
    """Read the answers of Label Studio, doccano, Prodigy or Argilla.

    Args:
        source: A file.
        annotator: What the column of those who answered is called.

    Returns:
        Rows with the columns `text`, `label`, `labels` or `spans`, and who answered; and what was
        left out, in words. None where the file is of none of these tools.

    Raises:
        DataError: It is, and cannot be read, or names nobody who answered.
    """
    if not isinstance(source, (str, Path)) or Path(source).suffix.lower() not in ENDINGS:
        return None
    rows, _ = read(str(source))
    tool = tool_of(rows)
    if tool is None or annotator in rows:  # plain rows can look like doccano's
        return None
    answers, notes = answers_of(rows, tool, str(source))
    columns = columns_of(answers)
    if "annotator" not in columns:
        raise DataError(
            f"{short(str(source))}, a file of {tool}, does not say who answered.",
            received=f"{len(answers):,} answers, data.annotator={annotator}",
            hint="export it with annotators, or data.annotator=null",
        )
    columns[annotator] = columns.pop("annotator")
    return Rows.of(columns, name=rows.files[0]), [f"{short(str(source))}: a file of {tool}", *notes]
