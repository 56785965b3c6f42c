"""What a shape is given and what it answers: a `Sheet` of rows, and a `Guess` of their use.

A shape is a function from a sheet to a guess, or to None if the rows have another shape. Next:
`profile.py`, the statistics of a column's values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from luthier.columns import Column
from luthier.data.labels import is_missing
from luthier.records import Rows
from luthier.shapes.profile import Profile, best, profile

SOME = 200  # cells looked at where the kind of value is asked for


@dataclass(frozen=True)
class Guess:
    """What rows are meant for.

    Args:
        task: The name of the task.
        columns: The column of each role, as in `data.columns` of a recipe.
        reasons: Why, in words that a user can check.
        unsure: What the user should check, in words: where another reading is as likely.
        fields: Further fields of the recipe, by their dotted paths: `task.options.scheme`.
    """

    task: str
    columns: Mapping[str, Any]
    reasons: Sequence[str] = ()
    unsure: Sequence[str] = ()
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """Rows as read, with the names and values of their columns at hand.

    Args:
        rows: The rows, whose columns have the file's names.
        given: Columns that the user has named, by role; they are not guessed.
    """

    rows: Rows
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the file's order."""
        return list(self.rows.columns)

    @cached_property
    def profiles(self) -> list[Profile]:
        """Statistics of every column."""
        return [profile(self.rows, column) for column in self.rows.columns]

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        fields = {plain(name.rpartition(".")[2]): name for name in reversed(self.columns)}
        return fields | {plain(name): name for name in self.columns}

    def find(self, role: str, *usual: str) -> str | None:
        """Name the column of a role: as given, else the first of its usual names that is there.

        >>> Sheet(Rows.of({"Premise ": ["It rains."]})).find("text", "sentence1", "premise")
        'Premise '
        """
        if role in self.given:
            return str(self.given[role])
        found = (self._by_plain_name[name] for name in usual if name in self._by_plain_name)
        return next(found, None)

    def best(self, wanted: Column, taken: Sequence[str] = ()) -> Profile | None:
        """Choose the column of a role by name and values: as given, else the one that fits best."""
        if wanted.role in self.given:
            return next((one for one in self.profiles if one.name == self.given[wanted.role]), None)
        return best(self.profiles, wanted, [*taken, *map(str, self.given.values())])

    def cells(self, column: str) -> list[Any]:
        """Return the first cells of a column that are not missing."""
        cells = (cell for cell in self.rows[column] if not is_missing(cell))
        return [cell for cell, _ in zip(cells, range(SOME), strict=False)]


Shape = Callable[[Sheet], Guess | None]


def plain(name: str) -> str:
    """Write a column's name in small letters, digits and underscores.

    >>> plain("Sentence #"), plain("Text-A")
    ('sentence', 'text_a')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def by_names(sheet: Sheet, task: str, roles: Mapping[str, Sequence[str]], why: str) -> Guess | None:
    """Guess a task from the usual names of all its columns; None if one is not there."""
    found = {role: sheet.find(role, *usual) for role, usual in roles.items()}
    named = {role: name for role, name in found.items() if name is not None}
    if len(named) < len(roles):
        return None
    return Guess(task, named, [f"columns {', '.join(named.values())}: {why}"])
