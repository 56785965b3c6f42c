"""What an answer of a task is, and how it is typed: one label, several labels, or entities.

one label         3 · 07 · spam · a beginning that only one label has
several labels    1 3 · joy, fear · an empty line: none of them
entities          2-4 1: words 2 to 4 are of kind 1 · 7 person · several with commas between
an empty line: none
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from luthier.data.labels import label_name, split_labels
from luthier.errors import DataError, nearest
from luthier.formats.marked_spans import read_spans
from luthier.records import Rows
from luthier.text.tags import spans_of_tags, tags_of_spans
from luthier.text.words import Border, word_range

OUTSIDE = "O"
_SPAN = re.compile(r"\s*(\d+)(?:\s*(?:-|–|to)\s*(\d+))?\s+(\S.*?)\s*")


@dataclass(frozen=True)
class Answers(ABC):
    """The answers of a task.

    Args:
        names: The labels, or the types of entities, in the order in which they are numbered.
    """

    names: tuple[str, ...]
    role: ClassVar[str]  # of the answers, in rows
    is_single: ClassVar[bool] = False  # whether one key can be an answer

    @abstractmethod
    def cells(self, given: Any, words: Sequence[Border]) -> dict[str, Any]:
        """Check an answer, and write it as cells of a row, that of `role` first.

        Raises:
            DataError: It is none.
        """

    @abstractmethod
    def parse(self, line: str, words: Sequence[Border]) -> Any:
        """Read an answer as it is typed.

        Raises:
            DataError: It is none.
        """

    @abstractmethod
    def shown(self, cell: Any) -> str:
        """Write an answer for people."""

    @abstractmethod
    def learn_from(self) -> Rows:
        """Make rows with every label, from which the task learns what there is."""

    def suggested(self, said: Any, words: Sequence[Border]) -> Any:
        """Turn what a model says of a row into an answer."""
        return said

    @property
    def keys(self) -> tuple[str, ...]:
        """What is typed for each label: its number, or itself where all labels are numbers.

        >>> OneLabel(("spam", "ham")).keys, OneLabel(("0", "1")).keys
        (('1', '2'), ('0', '1'))
        """
        if all(name.isdecimal() for name in self.names):
            return self.names
        width = len(str(len(self.names)))
        return tuple(f"{number:0{width}}" for number in range(1, len(self.names) + 1))

    def find(self, words: str) -> str:
        """Find a label by its number, its name, or a beginning that no other label has.

        Raises:
            DataError: There is none.
        """
        asked = words.strip()
        of_key = dict(zip(self.keys, self.names, strict=True))
        if found_by_key := of_key.get(asked, of_key.get(asked.zfill(len(self.keys[0])))):
            return found_by_key
        folded = asked.casefold()
        for matches in (str.__eq__, str.startswith):
            found = [name for name in self.names if folded and matches(name.casefold(), folded)]
            if len(found) == 1:
                return found[0]
            if found:
                raise DataError(
                    f"{len(found)} labels begin like this.",
                    received=f"'{asked}': {', '.join(found[:5])}",
                    hint="more of its name, or its number",
                )
        close = nearest(asked, self.names)
        raise DataError(
            "There is no such label.",
            received=f"'{asked}'",
            hint=f"did you mean '{close}'?" if close else f"a number from 1 to {len(self.names)}",
        )


@dataclass(frozen=True)
class OneLabel(Answers):
    """One label for each row."""

    role: ClassVar[str] = "label"
    is_single: ClassVar[bool] = True

    def cells(self, given: Any, words: Sequence[Border]) -> dict[str, Any]:
        """Check a label."""
        if label_name(given) not in self.names:
            raise _no_label(given, self.names)
        return {self.role: label_name(given)}

    def parse(self, line: str, words: Sequence[Border]) -> str:
        """Read a number, a name or its beginning."""
        return self.find(line)

    def shown(self, cell: Any) -> str:
        """Write the label."""
        return str(cell)

    def learn_from(self) -> Rows:
        """Make a row for each label."""
        return Rows.of({self.role: list(self.names)}, name="the labels")


@dataclass(frozen=True)
class SeveralLabels(Answers):
    """Any number of labels for each row."""

    role: ClassVar[str] = "labels"

    def cells(self, given: Any, words: Sequence[Border]) -> dict[str, Any]:
        """Check labels; they come in the order of their numbers."""
        listed = [label_name(one) for one in ([given] if isinstance(given, str) else given)]
        for one in listed:
            if one not in self.names:
                raise _no_label(one, self.names)
        return {self.role: [name for name in self.names if name in listed]}

    def parse(self, line: str, words: Sequence[Border]) -> list[str]:
        """Read numbers or names, with commas or spaces between."""
        parts = [part for part in line.split(",") if part.strip()]
        if len(parts) == 1 and all(one.isdecimal() for one in parts[0].split()):
            parts = parts[0].split()
        return [self.find(part) for part in parts]

    def shown(self, cell: Any) -> str:
        """Write the labels."""
        return ", ".join(cell) or "none of them"

    def learn_from(self) -> Rows:
        """Make a row with all labels."""
        return Rows.of({self.role: [list(self.names)]}, name="the labels")


@dataclass(frozen=True)
class Entities(Answers):
    """Spans of words, each of a type."""

    role: ClassVar[str] = "spans"

    def cells(self, given: Any, words: Sequence[Border]) -> dict[str, Any]:
        """Check spans of characters; the row keeps its words and their tags beside them."""
        inside = []
        for first, past, name in sorted(read_spans(list(given), "the answer")):
            if name not in self.names:
                raise _no_label(name, self.names)
            begin, end = word_range(words, first, past)
            if begin == end:
                raise DataError(
                    "A span has no word in it.",
                    received=f"{first} to {past} ({name})",
                    hint="the first character of its first word, and one past its last word",
                )
            inside.append((begin, end, name))
        try:
            tags = tags_of_spans(inside, len(words), "IOB2")
        except ValueError:
            raise DataError(
                "Two entities overlap, but a word can have only one tag.",
                received=", ".join(f"{a + 1}-{b} {name}" for a, b, name in inside)[:100],
                hint="keep one of them",
            ) from None
        spans = [
            {"start": words[a][0], "end": words[b - 1][1], "label": name} for a, b, name in inside
        ]
        return {self.role: spans, "words": [list(one) for one in words], "tags": tags}

    def parse(self, line: str, words: Sequence[Border]) -> list[tuple[int, int, str]]:
        """Read spans as numbers of words and types; they become characters."""
        spans = []
        for part in line.split(","):
            if not part.strip():
                continue
            found = _SPAN.fullmatch(part)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
            if found is None or not 1 <= first <= last <= len(words):
                raise DataError(
                    f"An entity is the numbers of its words, from 1 to {len(words)}, and its type.",
                    received=f"'{part.strip()}'",
                    hint="2-4 1, or 7 1 for a single word; a comma between two",
                )
            spans.append((words[first - 1][0], words[last - 1][1], self.find(found[3])))
        return spans

    def suggested(self, said: Any, words: Sequence[Border]) -> Any:
        """Turn tags into spans of characters."""
        if said is None or not all(isinstance(tag, str) for tag in said):
            return said
        return [
            {"start": words[a][0], "end": words[b - 1][1], "label": name}
            for a, b, name in spans_of_tags(said)
        ]

    def shown(self, cell: Any) -> str:
        """Count the entities."""
        return f"{len(cell)} entit{'y' if len(cell) == 1 else 'ies'}" if cell else "no entities"

    def learn_from(self) -> Rows:
        """Make a row with both tags of every type."""
        tags = [f"{part}-{name}" for name in self.names for part in "BI"]
        return Rows.of({"tags": [[OUTSIDE, *tags]]}, name="the labels")


KINDS: Mapping[str, type[Answers]] = {  # of targets
    "single-label": OneLabel,
    "multi-label": SeveralLabels,
    "tags": Entities,
}


def names_in(rows: Rows, kind: str) -> list[str]:
    """List the labels that occur in rows with answers."""
    if kind == "single-label":
        cells = [[label_name(cell)] for cell in rows["label"]]
    elif kind == "multi-label":
        cells = [split_labels(cell) for cell in rows["labels"]]
    else:
        cells = [[tag[2:] for tag in cell if tag[:2] in ("B-", "I-")] for cell in rows["tags"]]
    return list(dict.fromkeys(name for cell in cells for name in cell))


def _no_label(given: object, names: Sequence[str]) -> DataError:
    close = nearest(str(given), names)
    return DataError(
        "This is none of the labels.",
        received=f"'{given}'",
        hint=f"did you mean '{close}'?" if close else f"one of: {', '.join(names[:10])}",
    )
