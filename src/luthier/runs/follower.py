"""A run folder as the other processes of a run see it: they read it, and one alone writes.

They walk the same main path, so every call that writes does nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from luthier.declarations import JSON, Panel
from luthier.distributed.group import group
from luthier.recipe.tree import Recipe
from luthier.results import RunResult
from luthier.runs.events import EVENTS, Events
from luthier.runs.files import plain
from luthier.runs.folder import RunFolder
from luthier.runs.resume import claim


class FollowedEvents(Events):
    """The events of a run, which another process writes."""

    def append(self, event: object) -> None:
        """Write nothing."""

    def restore(self, folder: Path) -> None:
        """Write nothing."""

    def forget(self, phase: str) -> None:
        """Write nothing."""


class FollowedRun(RunFolder):
    """A run folder that another process owns.

    Args:
        path: The folder.
    """

    is_owned = False

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.events = FollowedEvents(self.path / EVENTS)

    def write_text(self, name: str, text: str) -> Path:
        """Write nothing."""
        return self.path / name

    def write_json(self, document: str, content: object) -> Path:
        """Write nothing."""
        return self.path / f"{document}.json"

    def write_predictions(self, lines: Iterable[Mapping[str, JSON]]) -> Path:
        """Write nothing."""
        return self.path / "predictions.jsonl"

    def add_panels(self, panels: Iterable[Panel]) -> None:
        """Write nothing."""

    def note(self, **facts: JSON) -> None:
        """Write nothing."""

    def note_resumed(self, phase: str, step: int, words: list[str]) -> None:
        """Write nothing."""

    def finish(self, *, keep_checkpoints: bool = False) -> None:
        """Write nothing."""


def claim_together(
    recipe: Recipe, *, out: str | Path | None, name: str, fresh: bool = False
) -> RunFolder:
    """Choose the run folder as `claim` does, for all processes; the first one owns it."""
    if not group().is_first:
        return FollowedRun(group().from_first(None))
    folder = claim(recipe, out=out, name=name, fresh=fresh)
    group().from_first(str(folder.path))
    return folder


def share_result(result: RunResult | None) -> RunResult:
    """Give the owner's result to the processes that wait for it with None."""
    told = group().from_first(plain(result))
    return TypeAdapter(RunResult).validate_python(told) if result is None else result
