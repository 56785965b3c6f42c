"""What a tracker does, and what it is told of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from luthier.tracking.numbers import Number

OFFLINE = "nothing leaves this machine without --online"


@dataclass(frozen=True)
class Told:
    """A run, as trackers know it.

    Args:
        name: Its name.
        id: What names it in a tracker, whenever it is tracked again.
        place: A folder of the run that is the tracker's own.
        recipe: The fields of its recipe, by their dotted names.
    """

    name: str
    id: str
    place: Path
    recipe: Mapping[str, object]


class Tracker(Protocol):
    """Where numbers of one run go."""

    def known(self) -> Mapping[str, int]:
        """Return the last step of every series that it has."""
        ...

    def write(self, numbers: Sequence[Number]) -> None:
        """Add numbers, which are kept when it returns."""
        ...

    def close(self, *, is_over: bool) -> None:
        """Leave everything complete; the run itself may be over, or go on."""
        ...

    @property
    def address(self) -> str:
        """Where the numbers are seen."""
        ...
