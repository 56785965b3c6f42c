"""Choose the folder of a run: that of the same run, if unfinished, or a new one.

The same command given again resumes where the last one ended. Changes to the recipe since then are
reported: accepted if they leave the trained weights valid, refused otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from luthier.declarations import JSON
from luthier.errors import LuthierError, RunError
from luthier.recipe.tree import Recipe
from luthier.runs.folder import RunFolder
from luthier.runs.places import numbered

SAFE = (  # may change between two attempts without changing the weights
    "baselines",
    "evaluation.",
    "training.dataloader_num_workers",
    "training.logging_steps",
    "training.save_",
)
MAY_GROW = ("training.num_train_epochs", "training.max_steps")
FRESH = "--fresh starts another run, or undo the change to resume"


@dataclass(frozen=True)
class Change:
    """A changed field of a recipe.

    Args:
        field: Its dotted name.
        before: Its value when the run was started.
        now: Its value now.
    """

    field: str
    before: JSON
    now: JSON

    @property
    def is_safe(self) -> bool:
        """Whether the run can be resumed with it."""
        if self.field in MAY_GROW:
            return bool(self.before and self.now and self.now > self.before > 0)
        return self.field.startswith(SAFE)

    def __str__(self) -> str:
        return f"{self.field}: {written(self.before)} before, {written(self.now)} now"


def written(value: JSON) -> str:
    """Write a value of a recipe for people: a plug-in by its name, the rest as YAML would.

    >>> written([{"name": "majority", "options": {}}, {"name": "lead", "options": {"n": 2}}])
    '[majority, lead {n: 2}]'
    >>> written(None), written({}), written(0.1), written(True)
    ('null', '{}', '0.1', 'true')
    """
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict) and set(value) == {"name", "options"}:
        return f"{value['name']} {written(value['options'])}".removesuffix(" {}")
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {written(one)}' for name, one in value.items())}}}"
    return str(value) if isinstance(value, str) else json.dumps(value)


def claim(recipe: Recipe, *, out: str | Path | None, name: str, fresh: bool = False) -> RunFolder:
    """Choose the folder to write to and own it.

    Args:
        recipe: The recipe to run.
        out: The requested folder; None chooses one below `runs/`.
        name: The name of runs below `runs/`.
        fresh: Whether to start a new run even if an unfinished one exists.

    Raises:
        RunError: There is an unfinished run of another recipe, or one that another process is
            writing; or the folder cannot be made, or holds something else.
    """
    if fresh:
        return RunFolder.create(out, recipe, name=name)
    if out is not None:
        folder = RunFolder.owned(out)
        return _resume(folder, recipe) or folder.started(recipe)
    for folder in _unfinished(name):
        if (found := _resume_below(folder, recipe)) is not None:
            return found
    _refuse_to_leave(name, recipe)
    return RunFolder.create(None, recipe, name=name)


def _unfinished(name: str) -> Iterator[RunFolder]:
    """Walk over the unfinished runs of a name, the newest first."""
    for folder in reversed(_of_name(name)):
        if folder.reached != "finished":
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


def _resume(folder: RunFolder, recipe: Recipe) -> RunFolder | None:
    """Resume the unfinished run of an owned folder; None if it holds none."""
    is_run = (folder.path / "recipe.yaml").is_file()
    if not is_run or folder.reached == "finished":
        return None
    changes = differences(folder, recipe)
    if folder.has_work and not all(change.is_safe for change in changes):
        folder.lock.release()
        raise refusal(folder, changes)
    folder.begin(recipe, changes=map(str, changes))
    return folder


def _resume_below(folder: RunFolder, recipe: Recipe) -> RunFolder | None:
    """Resume a run below `runs/` if it has this recipe."""
    changes = differences(folder, recipe)
    if not all(change.is_safe for change in changes):
        return None
    folder.lock.take()
    folder.begin(recipe, changes=map(str, changes))
    return folder


def _refuse_to_leave(name: str, recipe: Recipe) -> None:
    """Refuse to abandon the work of an interrupted last run without a word."""
    last = next(reversed(_of_name(name)), None)
    if last is None or last.reached in ("finished", "failed") or not last.has_work:
        return
    try:
        last.lock.take()
    except RunError:  # it is running: another run of the name may start beside it
        return
    last.lock.release()
    raise refusal(last, differences(last, recipe))


def differences(folder: RunFolder, recipe: Recipe) -> list[Change]:
    """List the fields in which a recipe differs from that of a run."""
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
    """Make the error that says why a run cannot be resumed."""
    unsafe = [str(change) for change in changes if not change.is_safe]
    return RunError(
        f"{folder.path} was started with another recipe and is unfinished.",
        received="; ".join(unsafe),
        hint=FRESH,
    )


def refuse_other_rows(folder: RunFolder, described: Mapping[str, JSON]) -> None:
    """Refuse to resume a run with rows that are not those it was started with.

    Args:
        folder: The run folder.
        described: Content of `data.json` for the rows that were read now.

    Raises:
        RunError: Something was trained on other rows.
    """
    try:
        before = (folder.read_json("data") or {}).get("splits", {})
        changed = [
            f"{split} ({before[split]['rows']} rows before, {now['rows']} now)"
            for split, now in described["splits"].items()
            if split in before and before[split]["sha256"] != now["sha256"]
        ]
    except (RunError, AttributeError, KeyError, TypeError):
        return  # it is damaged: checkpoints know their rows too
    if changed and folder.has_work:
        raise RunError(
            f"The rows are not those that {folder.path} was started with, and it is unfinished.",
            received=f"changed: {', '.join(changed)}",
            hint="--fresh starts another run, or restore the rows to resume",
        )


def refuse_other_facts(path: Path, before: Mapping[str, JSON], now: Mapping[str, JSON]) -> None:
    """Refuse to resume from a checkpoint if what its training depends on has changed.

    Args:
        path: The checkpoint.
        before: What it is held to, by name: digests, or mappings from fields to values.
        now: The same, as it is now.

    Raises:
        RunError: Something differs; the error names it, and the fields that differ.
    """
    for name in before.keys() & now.keys():
        if before[name] == now[name]:
            continue
        old, new = dict(_flat({name: before[name]})), dict(_flat({name: now[name]}))
        fields = [
            str(Change(field.removeprefix(f"{name}."), old.get(field), new.get(field)))
            for field in sorted(old | new)
            if old.get(field) != new.get(field) and "." in field
        ]
        raise RunError(
            f"The {name} changed since this run was started, and it is unfinished.",
            received="; ".join(fields[:3]) or f"{path} was trained with another",
            hint=f"restore the {name} to resume, or start another run with --fresh",
        )
