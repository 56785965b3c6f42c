"""The exceptions that Luthier raises for problems a user can fix.

    LuthierError
    ├── RecipeError      the recipe is invalid (all its problems are reported together)
    ├── DataError        a file, a column or a value is not what the task needs
    ├── ModelError       a checkpoint cannot be loaded, or cannot do what the recipe asks
    ├── ArgumentError    a function was called with what it does not take
    ├── RunError         a run folder is missing, incomplete or in use
    └── TrainingError    training cannot continue (for example, the loss is not a number)

An error has three parts: the problem (what was expected), what was received, and the shortest fix.
The command line prints all three and exits with code 2.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable

LONGEST, LONGEST_PROBLEM = 2000, 20_000  # characters; all problems of a recipe are one message


def shortened(text: str, most: int = LONGEST) -> str:
    """Cut a text of any length to one that can be read, with a note of what is left out.

    >>> shortened("a" * 30, 8)
    'aaaaaaaa … and 22 more characters'
    """
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]} … and {left:,} more characters"


MOST_COLUMNS = 3  # that are suggested for a role


class LuthierError(Exception):
    """A problem that a user can fix: what was expected, what was received, and the fix.

    Args:
        problem: one sentence that says what was expected
        received: what was found instead
        hint: the shortest fix, preferably a line that can be pasted
    """

    def __init__(self, problem: str, *, received: str | None = None, hint: str | None = None):
        self.problem = shortened(problem, LONGEST_PROBLEM)
        self.received = None if received is None else shortened(received)
        self.hint = None if hint is None else shortened(hint)
        super().__init__(self.problem)

    def _render_traceback_(self) -> list[str]:
        """Show the problem without a traceback where IPython asks."""
        return [str(self)]

    def __str__(self) -> str:
        lines = [self.problem]
        if self.received is not None:
            lines.append(f"  received: {self.received}")
        if self.hint is not None:
            lines.append(f"  fix:      {self.hint}")
        return "\n".join(lines)


class RecipeError(LuthierError):
    """The recipe is invalid."""


class DataError(LuthierError):
    """A file, a column or a value is not what the task needs."""


class ModelError(LuthierError):
    """A checkpoint cannot be loaded, or cannot do what the recipe asks."""


class ArgumentError(LuthierError):
    """A function was called with what it does not take."""


class RunError(LuthierError):
    """A run folder is missing, incomplete or in use."""


class TrainingError(LuthierError):
    """Training cannot continue."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the known name closest to a mistyped one, or None if none is close.

    >>> nearest("lorra", ["full", "lora"])
    'lora'
    """
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return close[0] if close else None


def suggestion(name: str, names: Iterable[str], *, quote: str = "") -> str:
    """Suggest the known name closest to a mistyped one, or list all names if none is close.

    >>> suggestion("lorra", ["full", "lora"], quote="'")
    "did you mean 'lora'?"
    >>> suggestion("x", ["full", "lora"])
    'one of: full, lora'
    """
    known = list(names)
    close = nearest(name, known)
    return f"did you mean {quote}{close}{quote}?" if close else f"one of: {', '.join(known)}"


def column_fix(role: str, columns: Iterable[str]) -> str:
    """Suggest which column plays a role: the first few, each as an override that can be pasted.

    >>> column_fix("label", ["stars", "date of sale"])
    "data.columns.label=stars or 'data.columns.label=date of sale'"
    >>> column_fix("label", [])
    'data.columns.label=COLUMN'
    """
    overrides = [f"data.columns.{role}={name}" for name in columns][:MOST_COLUMNS]
    return " or ".join(map(shlex.quote, overrides)) or f"data.columns.{role}=COLUMN"
