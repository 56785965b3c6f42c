"""From brat's standoff files to one row a document: its text, and the spans marked in it.

    NAME.txt    the text
    NAME.ann    T1<TAB>PER 0 5<TAB>Peter      (entities; other lines are passed over)

Stenetorp et al. 2012, https://brat.nlplab.org/standoff.html.
"""

from __future__ import annotations

from typing import Any

from luthier.data.delimited import Table
from luthier.errors import DataError


def table_of_brat(text: str, marks: str, *, name: str) -> tuple[Table, int]:
    """Read one document.

    Args:
        text: Of NAME.txt.
        marks: Of NAME.ann.
        name: What to call NAME.ann in messages.

    Returns:
        A table of one row, and how many spans were in several parts and became one.

    Raises:
        DataError: A line is no entity's, or does not say what the text says.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    spans: list[dict[str, Any]] = []
    n_parted = 0
    for number, line in enumerate(marks.replace("\r\n", "\n").split("\n"), start=1):
        if not line.startswith("T"):
            continue
        parts = line.split("\t")
        told = parts[1].split(maxsplit=1) if len(parts) > 1 else []
        pieces = [piece.split() for piece in told[1].split(";")] if len(told) == 2 else []
        ends = [end for piece in pieces for end in piece]
        if not ends or len(ends) % 2 or not all(end.isdigit() for end in ends):
            raise _wrong(name, number, line, "T1<TAB>TYPE first past<TAB>the text")
        start, end = int(ends[0]), int(ends[-1])
        if not 0 <= start < end <= len(text):
            raise _wrong(name, number, line, f"characters from 0 to {len(text)}")
        said = " ".join(text[int(a) : int(b)] for a, b in zip(ends[::2], ends[1::2], strict=True))
        if len(parts) > 2 and "".join(parts[2].split()) != "".join(said.split()):
            raise _wrong(name, number, line, f"the text there is {said[:40]!r}")
        n_parted += len(pieces) > 1
        spans.append({"start": start, "end": end, "label": told[0]})
    columns: dict[str, list[Any]] = {
        "text": [text],
        "spans": [spans],
        "document": [name.rpartition(".")[0]],
    }
    return Table(columns, [1]), n_parted


def _wrong(name: str, number: int, line: str, hint: str) -> DataError:
    return DataError(
        f"{name}: line {number} marks nothing in the text.", received=line[:80], hint=hint
    )
