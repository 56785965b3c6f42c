"""`luthier convert`: labels from the file of one tool to that of another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.arguments import checked
from luthier.data.cells import structure_of
from luthier.data.journal import is_journal, rows_of_journal
from luthier.data.labels import is_missing, label_name, split_labels
from luthier.data.readers.read import read as read_file
from luthier.data.write_rows import refuse_unwritable, write_rows
from luthier.errors import DataError, suggestion
from luthier.formats.exchange import argilla, doccano, label_studio, prodigy
from luthier.formats.exchange.answers import KINDS, Answer, Record, Tool, text_id
from luthier.formats.marked_spans import read_spans
from luthier.records import Rows

ROWS = "rows"  # plain rows: text, label, labels or spans, annotator, id
TOOLS: Mapping[str, Tool] = {
    "label-studio": Tool(
        ".json", label_studio.knows, label_studio.read, label_studio.write, label_studio.left_out
    ),
    "argilla": Tool(".json", argilla.knows, argilla.read, argilla.write, argilla.left_out),
    "prodigy": Tool(".jsonl", prodigy.knows, prodigy.read, prodigy.write, prodigy.left_out),
    "doccano": Tool(".jsonl", doccano.knows, doccano.read, doccano.write, doccano.left_out),
}


@dataclass(frozen=True)
class Converted:
    """What was converted.

    Args:
        n_answers: Number of answers.
        n_texts: Number of texts.
        annotators: Everyone who answered.
        kind: `label`, `labels` or `spans`.
        source: The form that was read: the name of a tool, or `rows`.
        notes: What was left out or detected, in words.
    """

    n_answers: int
    n_texts: int
    annotators: tuple[str, ...]
    kind: str
    source: str
    notes: tuple[str, ...]


@checked
def convert(
    source: str | Path,
    to: str,
    out: str | Path,
    *,
    from_tool: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Converted:
    """Write the labels of a file as another tool keeps them.

    Args:
        source: A file of Label Studio, doccano, Prodigy or Argilla, or rows with the columns
            `text` and `label`, `labels` or `spans`, and perhaps `id` and `annotator`, such as
            the file of a labelling desk.
        to: `label-studio`, `doccano`, `prodigy`, `argilla`, or `rows` (.csv or .jsonl), which a
            recipe and `luthier.agree` read.
        out: The file to write.
        from_tool: The tool that wrote the file; None: told by its fields.
        columns: Names of the columns of rows, where they are others: `{"text": "review"}`.

    Raises:
        DataError: The file has no labels, is not of that tool, or cannot be written.

    Example:
        luthier.convert("export.json", "rows", "answers.jsonl")
        print(luthier.agree("answers.jsonl", "annotator").verdict)
    """
    known = (*TOOLS, ROWS)
    for name in filter(None, (to, from_tool)):
        if name not in known:
            raise DataError(
                "There is no such tool.", received=name, hint=suggestion(name, known, quote="'")
            )
    path = Path(out)
    _refuse(path, to)
    notes: list[str] = []
    if is_journal(source):
        rows = rows_of_journal(source)
    else:
        rows, notes = read_file(str(source), columns=columns)
    tool = from_tool or tool_of(rows) or ROWS
    answers, left_out = answers_of(rows, tool, str(source))
    notes += left_out
    if to == ROWS:
        notes += write_rows(columns_of(answers), path)
    else:
        _write(TOOLS[to].write(answers), path)
    texts = {(one.id, one.text) for one in answers}
    annotators = dict.fromkeys(one.annotator for one in answers if one.annotator is not None)
    kind = answers[0].kind
    return Converted(len(answers), len(texts), tuple(annotators), kind, tool, tuple(notes))


def tool_of(rows: Rows) -> str | None:
    """Tell which tool wrote rows; None if none of those that are known."""
    return next((one for one in TOOLS if TOOLS[one].knows(rows.columns)), None)


def answers_of(rows: Rows, tool: str, source: str) -> tuple[list[Answer], list[str]]:
    """Read the answers in the rows of a tool; count what was cancelled, rejected or ignored.

    Raises:
        DataError: They cannot be read, or there are none.
    """
    records = [
        {name: cells[row] for name, cells in rows.columns.items() if cells[row] is not None}
        for row in range(len(rows))
    ]
    answers = _read(records, tool, source)
    n = 0 if tool == ROWS else TOOLS[tool].left_out(records)
    return answers, [f"{n:,} cancelled, rejected or ignored: left out"] if n else []


def _refuse(path: Path, to: str) -> None:
    if to == ROWS:
        refuse_unwritable(path)
    elif path.suffix.lower() != TOOLS[to].suffix:
        raise DataError(
            f"Files for {to} end in {TOOLS[to].suffix}.",
            received=str(path),
            hint=path.with_suffix(TOOLS[to].suffix).name,
        )
    elif not path.parent.is_dir():
        raise DataError(
            "The folder to write to does not exist.", received=str(path.parent), hint="make it"
        )


def _read(records: Sequence[Record], tool: str, source: str) -> list[Answer]:
    try:
        answers = _plain(records, source) if tool == ROWS else TOOLS[tool].read(records)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise DataError(
            f"{source} cannot be read as a file of {tool}.",
            received=f"{type(problem).__name__}: {problem}"[:200],
            hint="--from with the tool that wrote it",
        ) from problem
    if not answers:
        raise DataError(
            f"{source} has no answers.",
            received=f"{len(records):,} records of {tool}",
            hint="label some rows first, or export those that are labelled",
        )
    return answers


def _plain(records: Sequence[Record], source: str) -> list[Answer]:
    columns = {name for one in records for name in one}
    kind = next((one for one in reversed(KINDS) if one in columns), None)
    if kind is None or "text" not in columns:
        raise DataError(
            f"{source} is of no tool that is known, and has no labels of its own.",
            received=f"columns {', '.join(sorted(columns))[:200]}",
            hint="columns text and label, labels or spans",
        )
    answers = []
    for number, one in enumerate(records, start=1):
        cell = one.get(kind)
        if "text" not in one or (cell is None or (kind == "label" and is_missing(cell))):
            continue
        value: Any = label_name(cell)
        if kind == "labels":
            value = tuple(split_labels(cell))
        elif kind == "spans":
            value = tuple(sorted(read_spans(structure_of(cell), f"{source}, row {number}")))
        who = one.get("annotator")
        answers.append(Answer(text_id(one.get("id")), str(one["text"]), text_id(who), kind, value))
    return answers


def columns_of(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """Lay answers out as rows."""
    kind = answers[0].kind
    values = [one.value for one in answers]
    if kind == "spans":
        values = [[{"start": a, "end": b, "label": name} for a, b, name in one] for one in values]
    elif kind == "labels":
        values = [list(one) for one in values]
    columns: dict[str, list[Any]] = {"text": [one.text for one in answers], kind: values}
    if any(one.id is not None for one in answers):
        columns = {"id": [one.id for one in answers], **columns}
    if any(one.annotator is not None for one in answers):
        columns["annotator"] = [one.annotator for one in answers]
    return columns


def _write(records: Sequence[Record], path: Path) -> None:
    lines = [json.dumps(one, ensure_ascii=False) for one in records]
    text = "\n".join(lines) + "\n" if path.suffix == ".jsonl" else f"[{','.join(lines)}]\n"
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as problem:
        raise DataError(
            "The file cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out with a path that you can write to",
        ) from None
