"""Which folder a run goes into: that of the same run, unfinished, or a new one.

The same command given again goes on where the last one ended. What was changed since is told: it
is taken over where the trained weights would mean the same, and refused where they would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from luthier.declarations import JSON
from luthier.errors import LuthierError, RunError
from luthier.recipe.tree import Recipe
from luthier.runs.folder import RunFolder, numbered

SAFE = (  # what may change between two attempts: the weights come out the same
    "baselines",
    "evaluation.",
    "training.dataloader_num_workers",
    "training.logging_steps",
    "training.save_",
)
MAY_GROW = ("training.num_train_epochs", "training.max_steps")
FRESH = "--fresh begins another run, or take the change back to go on"


@dataclass(frozen=True)
class Change:
    """A field of a recipe that is not as it was.

    Args:
        field: Its dotted name. `before`: Its value when the run was begun. `now`: Its value now.
    """

    field: str
    before: JSON
    now: JSON

    @property
    def is_safe(self) -> bool:
        """Whether the run can go on with it."""
        if self.field in MAY_GROW:
            return bool(self.before and self.now and self.now > self.before > 0)
        return self.field.startswith(SAFE)

    def __str__(self) -> str:
        return f"{self.field}: {self.before} before, {self.now} now"


def claim(recipe: Recipe, *, out: str | Path | None, name: str, fresh: bool = False) -> RunFolder:
    """Give the folder to write to, which this process then owns.

    Args:
        recipe: What is to be run.
        out: The folder asked for; None: one below `runs/`.
        name: What runs below `runs/` are called.
        fresh: Never go on with an unfinished run.

    Raises:
        RunError: An unfinished run is there whose recipe differs, or which another process is
            writing; or the folder cannot be made, or holds something else.
    """
    if fresh:
        return RunFolder.create(out, recipe, name=name)
    if out is not None:
        return _go_on(RunFolder.owned(out), recipe) or RunFolder.create(out, recipe)
    for folder in _unfinished(name):
        if (found := _go_on_below(folder, recipe)) is not None:
            return found
    _refuse_to_leave(name, recipe)
    return RunFolder.create(None, recipe, name=name)


def _unfinished(name: str) -> Iterator[RunFolder]:
    """Walk over the unfinished runs of a name, the newest first."""
    for folder in reversed(_of_name(name)):
        if folder.state()["state"] != "finished":
            yield folder


def _of_name(name: str) -> list[RunFolder]:
    """List the runs of a name, the oldest first."""
    found = []
    number = 1
    while (path := numbered(name, number)).exists():
        if (path / "recipe.yaml").is_file():
            found.append(RunFolder(path))
        number += 1
    return found


def _go_on(folder: RunFolder, recipe: Recipe) -> RunFolder | None:
    """Go on in a folder that was asked for by name and is owned; None where it is not ours to."""
    is_run = (folder.path / "recipe.yaml").is_file()
    if not is_run or folder.state()["state"] == "finished":
        folder.lock.release()
        return None
    changes = differences(folder, recipe)
    if folder.has_work and not all(change.is_safe for change in changes):
        folder.lock.release()
        raise refusal(folder, changes)
    folder.begin(recipe, changes=map(str, changes))
    return folder


def _go_on_below(folder: RunFolder, recipe: Recipe) -> RunFolder | None:
    """Go on with a run below `runs/` if it is that of this recipe."""
    changes = differences(folder, recipe)
    if not all(change.is_safe for change in changes):
        return None
    folder.lock.take()
    folder.begin(recipe, changes=map(str, changes))
    return folder


def _refuse_to_leave(name: str, recipe: Recipe) -> None:
    """Raise rather than silently leave the work of the last run, which was interrupted."""
    last = next(reversed(_of_name(name)), None)
    if last is None or last.state()["state"] in ("finished", "failed") or not last.has_work:
        return
    try:
        last.lock.take()
    except RunError:  # it is under way: another run of the name may begin beside it
        return
    last.lock.release()
    raise refusal(last, differences(last, recipe))


def differences(folder: RunFolder, recipe: Recipe) -> list[Change]:
    """List the fields in which a recipe is not that of a run."""
    try:
        before = folder.recipe().model_dump(mode="json")
    except (OSError, LuthierError):
        return [Change("recipe.yaml", "unreadable", "readable")]
    now = recipe.model_dump(mode="json")
    flat_before, flat_now = dict(_flat(before)), dict(_flat(now))
    return [
        Change(field, flat_before.get(field), flat_now.get(field))
        for field in sorted(flat_before | flat_now)
        if flat_before.get(field) != flat_now.get(field)
    ]


def _flat(tree: dict[str, JSON], prefix: str = "") -> Iterator[tuple[str, JSON]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def refusal(folder: RunFolder, changes: list[Change]) -> RunError:
    """Say why a run cannot be gone on with."""
    unsafe = [str(change) for change in changes if not change.is_safe]
    return RunError(
        f"{folder.path} was begun with another recipe and is not finished.",
        received="; ".join(unsafe),
        hint=FRESH,
    )
