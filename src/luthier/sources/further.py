"""Further rows beside the splits: unlabelled ones, rows of an earlier task, rows scored besides.

None of them may be a row that the splits judge by, and none that is scored may be learned from.
Next: `load_splits.py`, which reads the splits and these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from luthier.data.doctor.split_view import MOST_PLACES
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks_of_rows import TARGET, options_with_target
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.results import Finding
from luthier.sources.labelled import read_labelled
from luthier.sources.unlabelled import keys_of, read_unlabelled


@dataclass(frozen=True)
class Further:
    """Rows beside the splits.

    Args:
        unlabelled: Rows whose answers are not read; None where the recipe names none.
        replay: Rows of an earlier task, learned beside the training rows; None likewise.
        others: Name to rows that the trained model is scored on besides.
    """

    unlabelled: Rows | None = None
    replay: Rows | None = None
    others: Mapping[str, Rows] = field(default_factory=dict)

    def named(self) -> dict[str, Rows]:
        """Return the rows that there are, by name."""
        own = {"unlabelled": self.unlabelled, "replay": self.replay}
        also = {f"also {name}": rows for name, rows in self.others.items()}
        return {name: rows for name, rows in own.items() if rows is not None} | also


def read_further(
    recipe: Recipe, task: Task, given: Mapping[str, object], splits: Splits, *, only: bool
) -> tuple[Further, list[str], list[Finding]]:
    """Read all further rows that a recipe names.

    Args:
        recipe: The recipe.
        task: Its task.
        given: Split to rows in memory, in place of a source.
        splits: The rows that are learned from and judged by.
        only: Whether to read the unlabelled rows only: a finished run needs no others.

    Raises:
        DataError: They cannot be read, or none is left.
    """
    notes: list[str] = []
    found: list[Finding] = []
    unlabelled = replay = None
    options = options_with_target(recipe.method.model_dump()) or {}
    source = given.get("unlabelled", recipe.data.unlabelled or options.get(TARGET))
    if source is not None:
        unlabelled, told, more = read_unlabelled(source, recipe, task, splits)
        notes, found = [*notes, *told], [*found, *more]
    others: dict[str, Rows] = {}
    for name, file in recipe.evaluation.also.items() if not only else ():
        others[name], more = read_other(name, file, recipe, task, splits)
        found += more
    if recipe.data.replay is not None and not only:
        judged = [splits.validation, splits.test, *others.values()]
        replay, told, more = read_replay(recipe.data.replay.files, recipe, task, splits, judged)
        notes, found = [*notes, *told], [*found, *more]
    return Further(unlabelled, replay, others), notes, found


def read_other(
    name: str, source: object, recipe: Recipe, task: Task, splits: Splits
) -> tuple[Rows, list[Finding]]:
    """Read labelled rows to be scored besides, without those that are trained on.

    Raises:
        DataError: They cannot be read, or none is left.
    """
    rows, _, found = read_labelled(source, recipe, task, audit=True)
    refuse_errors(found, recipe.data.ignore_findings)
    learned = {*keys_of(splits.train, task)} - {None}
    is_learned = np.array([key in learned for key in keys_of(rows, task)], dtype=bool)
    if is_learned.any():
        n = int(is_learned.sum())
        message = f"{n} row{'s' * (n > 1)} of evaluation.also ({name}) with the words of training "
        places = tuple(rows.where(int(row)) for row in np.flatnonzero(is_learned)[:MOST_PLACES])
        fix = "nothing: they are left out, as a score on them would be that of the training"
        found.append(Finding("also-in-train", "warning", f"{message}rows.", n, places, fix))
    if is_learned.all():
        raise DataError(
            f"No row of evaluation.also ({name}) is left: all are training rows.",
            received=f"{len(rows)} rows of {', '.join(rows.files[:3])}",
            hint="a file of rows that are not trained on",
        )
    return rows.take(np.flatnonzero(~is_learned)), found


def read_replay(
    source: object, recipe: Recipe, task: Task, splits: Splits, judged: Sequence[Rows]
) -> tuple[Rows, list[str], list[Finding]]:
    """Read labelled rows of an earlier task, without those that anything is judged by.

    Raises:
        DataError: They cannot be read, or none is left.
    """
    rows, _, found = read_labelled(source, recipe, task)
    refuse_errors(found, recipe.data.ignore_findings)
    keys = keys_of(rows, task)
    known = {key for one in judged for key in keys_of(one, task)} - {None}
    learned = {*keys_of(splits.train, task)} - {None}
    is_judged = np.array([key in known for key in keys], dtype=bool)
    is_kept = ~is_judged & np.array([key not in learned for key in keys], dtype=bool)
    if is_judged.any():
        n = int(is_judged.sum())
        message = f"{n} row{'s' * (n > 1)} of data.replay with the words of a row that is scored."
        places = tuple(rows.where(int(row)) for row in np.flatnonzero(is_judged)[:MOST_PLACES])
        fix = "nothing: they are left out, and never learned"
        found.append(Finding("replay-in-test", "warning", message, n, places, fix))
    if not is_kept.any():
        raise DataError(
            "No row of data.replay is left: all are scored, or training rows already.",
            received=f"{len(rows)} rows of {', '.join(rows.files[:3])}",
            hint="data.replay.from=a file of other rows of the earlier task",
        )
    told = f"{int(is_kept.sum()):,} of {len(rows):,} rows of data.replay are learned again"
    return rows.take(np.flatnonzero(is_kept)), [told], found
