"""From a recipe's files to rows that were read, split, looked at and drawn from.

What `luthier inspect` shows; the first steps of a run. Next: `build_problem.py`, which encodes
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from luthier.data.doctor.inspect_splits import drop_leaks, inspect
from luthier.data.doctor.split_view import MOST_PLACES
from luthier.data.labels import is_missing
from luthier.data.readers.read import read
from luthier.data.shots import few_shots
from luthier.data.split import make_splits
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits, Target
from luthier.results import Finding

NAMED = frozenset({"single-label", "multi-label", "tags"})  # kinds of target that labels name


@dataclass(frozen=True)
class Checked:
    """Rows that were read, split and looked at.

    Args:
        splits: The rows. `findings`: what the doctor found in all of them, limits not applied.
        notes: What was detected or decided on the way, in words.
        undrawn: The training rows before some of them were drawn.
    """

    splits: Splits
    findings: list[Finding]
    notes: list[str]
    undrawn: Rows

    def learn_target(self, task: Task) -> Target:
        """Learn what there is to answer: labels by name from all rows, the rest from those drawn.

        Rows that were not drawn tell of labels that test rows may have; of numbers they would tell
        what is not to be known.
        """
        return task.learn_target(self.undrawn if task.kind in NAMED else self.splits.train)


def check_data(recipe: Recipe, task: Task, given: Mapping[str, Any] | None = None) -> Checked:
    """Read the rows, split them, and let the doctor look at them.

    Args:
        recipe: Says where the rows are.
        task: Says which columns they need.
        given: Split to rows that are in memory already, such as a pandas frame.
    """
    data = recipe.data
    notes: list[str] = []
    mended: list[Finding] = []
    read_rows: dict[str, Rows | None] = {"validation": None, "test": None}
    for split in ("train", "validation", "test"):
        source = (given or {}).get(split, getattr(data, split))
        if source is None:
            continue
        read_rows[split], said, found = read_labelled(source, recipe, task)
        notes += said
        mended += found
    splits = make_splits(
        read_rows["train"],  # type: ignore[arg-type]
        read_rows["validation"],
        read_rows["test"],
        validation_size=data.split.validation,
        test_size=data.split.test,
        group_by=column_name(data.split.group_by, data.columns),
        stratify_by=stratified_by(recipe, task),
        n_folds=data.split.n_folds,
        fold=data.split.fold,
        limit={},
        seed=split_seed(recipe),
    )
    texts = text_roles(task)
    found = inspect(splits, text_roles=texts, label_role=task.answer_role, kind=task.kind)
    findings = [*mended, *found]
    if data.drop_leaks:
        splits, counts = drop_leaks(splits, text_roles=texts)
        notes += [f"{n} leaked rows dropped from {split}" for split, n in counts.items() if n]
        findings = [dropped_already(finding) for finding in findings]
    undrawn = splits.train
    if data.limit:
        splits = limited(splits, recipe, task)
    if data.shots is not None:
        splits = with_shots(splits, recipe, task)
    return Checked(splits, findings, list(dict.fromkeys(notes)), undrawn)


def read_rows(
    source: Any, recipe: Recipe, task: Task, roles: Sequence[str]
) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows in the shape that the task works with.

    Args:
        source: Where they are, or rows in memory.
        recipe: Says which column plays which role.
        task: Adapts them.
        roles: What must be there in the end.

    Returns:
        The rows, notes on what was detected, and findings on what was mended.
    """
    data = recipe.data
    rows, notes = read(
        source, columns=data.columns, encoding=data.encoding, delimiter=data.delimiter
    )
    rows, found = task.normalize(rows)
    require_roles(rows, roles)
    return rows, notes, found


def read_labelled(source: Any, recipe: Recipe, task: Task) -> tuple[Rows, list[str], list[Finding]]:
    """Read rows with their answers; those without one are left out, with a finding."""
    roles = [column.role for column in task.columns]
    rows, notes, found = read_rows(source, recipe, task, roles)
    rows, dropped = with_answer(rows, task)
    return rows, notes, [*found, *dropped]


def text_roles(task: Task) -> tuple[str, ...]:
    """Name the roles of the task's texts, by which rows are compared."""
    return tuple(column.role for column in task.columns if column.kind == "text")


def require_roles(rows: Rows, roles: Sequence[str]) -> None:
    """Raise where a role of the task has no column."""
    missing = [role for role in roles if role not in rows]
    if missing:
        raise DataError(
            f"{', '.join(rows.files)}: no column plays the role of {' and '.join(missing)}.",
            received=f"columns {', '.join(rows.columns)}",
            hint=" ".join(f"data.columns.{role}=COLUMN" for role in missing),
        )


def with_answer(rows: Rows, task: Task) -> tuple[Rows, list[Finding]]:
    """Leave out rows without an answer: there is nothing to learn or to judge by."""
    role = task.answer_role
    if role is None:
        return rows, []
    if task.kind in ("multi-label", "answer", "tags"):  # nothing is an answer there too
        missing = [value is None for value in rows[role]]
    else:
        missing = [is_missing(value) for value in rows[role]]
    without = np.flatnonzero(missing)
    if len(without) == 0:
        return rows, []
    message = f"{len(without)} rows without {role} are left out."
    places = tuple(f"{rows.where(int(index))}:{role}" for index in without[:MOST_PLACES])
    fix = f"fill the cells in, or data.columns.{role}=the column with the answers"
    told = Finding("without-answer", "warning", message, len(without), places, fix)
    return rows.take(np.flatnonzero(~np.array(missing))), [told]


def stratified_by(recipe: Recipe, task: Task) -> str | None:
    """Name the column whose values keep their shares in every split; only labels have them."""
    is_label = task.kind in ("single-label", "multi-label")
    return task.answer_role if recipe.data.split.stratify and is_label else None


def column_name(asked: str | None, columns: Mapping[str, str]) -> str | None:
    """Name a column as the rows do: by its role, where the recipe gives it one."""
    return {name: role for role, name in columns.items()}.get(asked or "", asked)


def dropped_already(finding: Finding) -> Finding:
    """Soften what `data.drop_leaks` has mended."""
    if finding.code != "duplicate-across-splits":
        return finding
    message = f"{finding.message} They were dropped: data.drop_leaks is set."
    return replace(finding, severity="note", message=message, fix=None)


def split_seed(recipe: Recipe) -> int:
    """Say what the splits follow from: the run's seed, where they have none of their own."""
    seed = recipe.data.split.seed
    return recipe.training.seed if seed is None else seed


def limited(splits: Splits, recipe: Recipe, task: Task) -> Splits:
    """Draw at most so many rows of each split, after the doctor has seen them all.

    Training rows are drawn by the run's seed, the others by that of the splits.
    """
    for split, most in recipe.data.limit.items():
        drawn = make_splits(
            splits.train,
            splits.validation,
            splits.test,
            validation_size=0,
            test_size=0,
            group_by=None,
            stratify_by=stratified_by(recipe, task),
            n_folds=None,
            fold=0,
            limit={str(split): most},
            seed=recipe.training.seed if split == "train" else split_seed(recipe),
        )
        made = {**splits.made, split: f"{splits.made.get(split, '')}; limited to {most} rows"}
        splits = replace(drawn, made=made)
    return splits


def with_shots(splits: Splits, recipe: Recipe, task: Task) -> Splits:
    """Keep so many training rows of each label, drawn by the run's seed.

    Raises:
        DataError: A label has too few, or the task has no labels to count.
    """
    n_shots, role = recipe.data.shots, task.answer_role
    if task.kind != "single-label" or role is None or n_shots is None:
        raise DataError(
            f"{task.name} has no labels of which rows could be drawn one by one.",
            received=f"data.shots={n_shots}",
            hint=f"data.limit.train={n_shots}",
        )
    train = few_shots(splits.train, role, n_shots, seed=recipe.training.seed)
    said = f"{splits.made.get('train', '')}; {n_shots} of each label, seed {recipe.training.seed}"
    return replace(splits, train=train, made={**splits.made, "train": said})


def refuse_errors(findings: Sequence[Finding], ignored: Sequence[str]) -> None:
    """Stop where the doctor found what makes a verdict worthless."""
    errors = [f for f in findings if f.severity == "error" and f.code not in ignored]
    if errors:
        raise DataError(
            "The data cannot be trained on as they are:\n"
            + "\n".join(f"  - {error.message} ({', '.join(error.places)})" for error in errors),
            received=", ".join(error.code for error in errors),
            hint=errors[0].fix or f"data.ignore_findings=[{errors[0].code}]",
        )
