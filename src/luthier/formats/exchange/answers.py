"""What every tool for labelling says: who gave which answer to which text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.errors import DataError

Span = tuple[int, int, str]  # first character, one past the last, label
Record = Mapping[str, Any]
KINDS = ("label", "labels", "spans")


@dataclass(frozen=True)
class Answer:
    """One answer to one text.

    Args:
        id: The tool's name of the text; None: it has none.
        text: The text.
        annotator: Who answered; None: nobody is named.
        kind: `label`, `labels` or `spans`.
        value: A label, a tuple of labels, or a tuple of spans.
    """

    id: str | None
    text: str
    annotator: str | None
    kind: str
    value: Any


@dataclass(frozen=True)
class Tool:
    """A tool: how its files are recognised, read and written.

    Args:
        suffix: Ending of its files.
        knows: Says from the columns of a file whether it is one of this tool.
        read: Reads its records to answers.
        write: Writes answers as its records.
        left_out: Counts what in its records says nothing: cancelled, rejected, ignored.
    """

    suffix: str
    knows: Callable[[Mapping[str, Sequence[Any]]], bool]
    read: Callable[[Sequence[Record]], list[Answer]]
    write: Callable[[Sequence[Answer]], list[Record]]
    left_out: Callable[[Sequence[Record]], int]


def same_kind(given: Sequence[tuple[str | None, str, str | None, Sequence[str]]]) -> list[Answer]:
    """Make answers of lists of labels: one label each where every text has exactly one.

    Args:
        given: Id, text, annotator and labels of each answer.
    """
    is_single = all(len(labels) == 1 for _, _, _, labels in given)
    return [
        Answer(name, text, who, "label", labels[0])
        if is_single
        else Answer(name, text, who, "labels", tuple(labels))
        for name, text, who, labels in given
    ]


def by_text(answers: Iterable[Answer]) -> dict[tuple[str | None, str], list[Answer]]:
    """Gather the answers to each text, in order."""
    found: dict[tuple[str | None, str], list[Answer]] = {}
    for one in answers:
        found.setdefault((one.id, one.text), []).append(one)
    return found


def labels_of(answer: Answer) -> list[str]:
    """List the labels of an answer that is no spans."""
    return [answer.value] if answer.kind == "label" else list(answer.value)


def all_labels(answers: Iterable[Answer]) -> list[str]:
    """List every label that occurs, by name."""
    return sorted({name for one in answers for name in labels_of(one)})


def text_id(value: Any) -> str | None:
    """Return a name as text; None stays None."""
    return None if value is None else str(value)


def refuse_outside(span: Span, text: str, where: str) -> Span:
    """Return a span that lies in its text.

    Raises:
        DataError: It does not.
    """
    if not 0 <= span[0] < span[1] <= len(text):
        raise DataError(
            f"A span does not lie within its text, in {where}.",
            received=f"{span[0]} to {span[1]} ({span[2]}), text of {len(text)} characters",
            hint="export the file again; spans count characters, the end one past the last",
        )
    return span
