"""Every way in which Luthier says no.

    LuthierError
    ├── RecipeError      the recipe cannot be followed (all its problems are shown together)
    ├── DataError        a file, a column or a value is not what the task needs
    ├── ModelError       a checkpoint cannot be loaded, or cannot do what the recipe asks
    ├── RunError         a run folder is missing, incomplete or taken
    └── TrainingError    training cannot go on (a loss that is not a number, say)

An error is made of three parts: the problem (what was expected), what was received, and the
shortest thing that fixes it. The command line prints them and leaves with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LuthierError(Exception):
    """A problem that a user can fix: what was expected, what was received, and the fix.

    Args:
        problem: One sentence that says what was expected and is not so.
        received: What was found instead.
        hint: The shortest thing that fixes it, best a line that can be pasted.
    """

    def __init__(self, problem: str, *, received: str | None = None, hint: str | None = None):
        self.problem = problem
        self.received = received
        self.hint = hint
        super().__init__(problem)

    def __str__(self) -> str:
        lines = [self.problem]
        if self.received is not None:
            lines.append(f"  received: {self.received}")
        if self.hint is not None:
            lines.append(f"  fix:      {self.hint}")
        return "\n".join(lines)


class RecipeError(LuthierError):
    """The recipe cannot be followed."""


class DataError(LuthierError):
    """A file, a column or a value is not what the task needs."""


class ModelError(LuthierError):
    """A checkpoint cannot be loaded, or cannot do what the recipe asks."""


class RunError(LuthierError):
    """A run folder is missing, incomplete or taken."""


class TrainingError(LuthierError):
    """Training cannot go on."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Find the known name closest to a mistyped one, or None when none is close.

    >>> nearest("lorra", ["full", "lora"])
    'lora'
    """
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return close[0] if close else None
