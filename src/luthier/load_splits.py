"""Load the recipe's data: read, split, validate and subsample the rows.

These are the first steps of a run, and what `luthier inspect` shows. Next: `build_problem.py`,
which encodes the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from luthier.columns import MOST_SECONDS
from luthier.data.corrections import with_corrections
from luthier.data.doctor.inspect_splits import drop_leaks, inspect
from luthier.data.join_rows import joined
from luthier.data.journal import audited
from luthier.data.shots import few_shots
from luthier.data.split import limit_split, make_splits
from luthier.distributed.group import group
from luthier.errors import DataError
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits, StepInfo, Target
from luthier.results import Finding
from luthier.sources.further import Further, read_further
from luthier.sources.labelled import column_name, read_labelled
from luthier.sources.outside import set_aside
from luthier.sources.unlabelled import input_columns, keys_of, read_unanswered
from luthier.training.listeners import follow

if TYPE_CHECKING:
    from luthier.weak_labels.label_rows import WeakLabels

NAMED = frozenset({"single-label", "multi-label", "tags"})  # kinds of target with label names
SOURCES = ("train", "validation", "test")


@dataclass(frozen=True)
class Checked:
    """The rows of a run, after reading, splitting and inspection.

    Args:
        splits: The rows to train and score on.
        findings: What the doctor found in all training rows, and in the rows that are judged.
        notes: What was detected or decided while reading, in words.
        all_train: The training rows before subsampling.
        further: Rows beside the splits.
        weak: What labelling functions did; None where the recipe has none.
        outside: Split to its rows that fit no label, which are in no split.
    """

    splits: Splits
    findings: list[Finding]
    notes: list[str]
    all_train: Rows
    further: Further = field(default_factory=Further)
    weak: WeakLabels | None = None
    outside: Mapping[str, Rows] = field(default_factory=dict)

    def learn_target(self, task: Task) -> Target:
        """Learn the target: label names from all training rows, numbers from the subsample.

        Test rows may have labels that the subsample lacks. The mean and scale of numbers, on the
        other hand, must not depend on rows that were left out.
        """
        return task.learn_target(self.all_train if task.kind in NAMED else self.splits.train)


def check_data(
    recipe: Recipe,
    task: Task,
    given: Mapping[str, object] | None = None,
    *,
    inspecting: bool = True,
    listener: Callable[[StepInfo], None] = lambda info: None,
) -> Checked:
    """Read the rows, split them and let the doctor inspect them.

    Args:
        recipe: The recipe, which names the sources of the rows.
        task: The task, which names the columns that the rows need.
        given: Maps a split to rows in memory, such as a pandas frame, to use in place of a source.
        inspecting: Whether the doctor inspects them; rows of a finished run were inspected before.
        listener: Called with every step of work on the rows.
    """
    _refuse_same_object(given or {})
    data = recipe.data
    read_rows, notes, misread = read_sources(recipe, task, given or {})
    splits = divided(read_rows, recipe, task)
    if data.split.n_folds is not None and data.split.fold is None:
        notes.append(f"each of {data.split.n_folds} folds is the test set once; here it is fold 0")
    splits = limited(splits, recipe, task, ("validation", "test"))
    splits, outside, told = set_aside(splits, recipe, task)
    notes += told
    weak = None
    if data.weak is not None:
        source = (given or {}).get("train", data.train)
        parts = splits, read_rows, source
        splits, weak, of_weak = with_weak_rows(*parts, recipe, task, listener)
        misread += of_weak
    inputs = input_columns(task)
    found = []
    if inspecting and group().is_first:  # of several processes, one inspects the rows for all
        found = inspect(
            splits,
            inputs=inputs,
            label_role=task.answer_role,
            kind=task.kind,
            media=data.media,
            max_seconds=data.max_seconds or MOST_SECONDS,
            needs_media=task.unit == "media",
        )
    findings = [*misread, *found]
    if data.drop_leaks:
        splits, counts = drop_leaks(splits, inputs=inputs, media=data.media)
        if data.split.n_folds is not None and data.split.folds_of == "rest":
            apart = divided(read_rows, recipe, task, n_folds=None).test
            kept, more = drop_leaks(replace(splits, test=apart), inputs=inputs, media=data.media)
            splits = replace(kept, test=splits.test)
            counts = {split: n + more[split] for split, n in counts.items()}
        notes += [f"{n} leaked rows dropped from {split}" for split, n in counts.items() if n]
        findings = [dropped_already(finding) for finding in findings]
    all_train = splits.train
    splits = limited(splits, recipe, task, ("train",))
    if data.shots is not None:
        splits = with_shots(splits, recipe, task)
    further, told, of_further = read_further(recipe, task, given or {}, splits, only=not inspecting)
    notes = list(dict.fromkeys([*notes, *told]))
    return Checked(splits, [*findings, *of_further], notes, all_train, further, weak, outside)


def read_sources(
    recipe: Recipe, task: Task, given: Mapping[str, object]
) -> tuple[dict[str, Rows | None], list[str], list[Finding]]:
    """Read the rows of each source that the recipe names, with the labels that were corrected.

    Args:
        recipe: The recipe.
        task: Its task.
        given: Split to rows in memory, in place of a source.
    """
    notes: list[str] = []
    findings: list[Finding] = []
    parts: dict[str, Rows] = {}
    for split in SOURCES:
        source = given.get(split, getattr(recipe.data, split))
        if source is not None:
            audit, needed = audited(split, source, recipe.data.test), split == "train"
            partly = needed and recipe.data.weak is not None
            read_rows = read_labelled(
                source, recipe, task, audit=audit, needed=needed, partly=partly
            )
            parts[split] = read_rows[0]
            notes += read_rows[1]
            findings += read_rows[2]
    if recipe.data.labels_from is not None:
        parts, told = with_corrections(parts, recipe, task)
        notes.append(told)
    return {split: parts.get(split) for split in SOURCES}, notes, findings


def divided(
    read_rows: Mapping[str, Rows | None], recipe: Recipe, task: Task, **changes: object
) -> Splits:
    """Divide rows as the recipe says, but for some arguments of `make_splits`."""
    data, train = recipe.data, read_rows["train"]
    if train is None:
        raise ValueError("there are always training rows")
    options: dict[str, Any] = {
        "validation_size": data.split.validation,
        "test_size": data.split.test,
        "group_by": column_name(data.split.group_by, data.columns),
        "stratify_by": stratified_by(recipe, task),
        "n_folds": data.split.n_folds,
        "fold": data.split.fold or 0,
        "seed": data.split.seed,
        "several": task.kind == "multi-label",
        "folds_of": data.split.folds_of,
        "alike": None if data.split.n_folds is None else keys_of(train, task),
    }
    return make_splits(train, read_rows["validation"], read_rows["test"], **options | changes)


def _refuse_same_object(given: Mapping[str, object]) -> None:
    """Refuse rows in memory that were given for two splits."""
    for one, other in combinations(given, 2):
        if given[one] is given[other] and given[one] is not None:
            raise DataError(
                f"The same rows were given for {one} and for {other}.",
                received=f"one {type(given[one]).__name__} for both",
                hint=f"give rows for {one} alone; {other} is then split off",
            )


def with_weak_rows(
    splits: Splits,
    read: Mapping[str, Rows | None],
    source: object,
    recipe: Recipe,
    task: Task,
    listener: Callable[[StepInfo], None],
) -> tuple[Splits, WeakLabels, list[Finding]]:
    """Let labelling functions label the training rows that have no label.

    Args:
        splits: The rows that have one.
        read: All of them, by their source.
        source: The source of the training rows.
        recipe: The recipe, with the functions.
        task: Its task.
        listener: Called with every step.
    """
    from luthier.weak_labels.findings import findings_of  # statistics load slowly
    from luthier.weak_labels.label_rows import label_rows

    group_by = column_name(recipe.data.split.group_by, recipe.data.columns)
    rows, found = read_unanswered(source, recipe, task, splits, group_by=group_by)
    labelled = joined([one for one in read.values() if one is not None and len(one)])
    splits, weak = follow(label_rows(splits, rows, labelled, recipe, task), listener)
    return splits, weak, [*found, *findings_of(weak)]


def stratified_by(recipe: Recipe, task: Task) -> str | None:
    """Name the label column by which to stratify; None if there are no labels or it is unwanted."""
    is_label = task.kind in ("single-label", "multi-label")
    return task.answer_role if recipe.data.split.stratify and is_label else None


def slice_columns(recipe: Recipe) -> list[str]:
    """Return the columns to slice by, named as the rows name them."""
    columns = recipe.data.columns
    return [column_name(name, columns) or name for name in recipe.evaluation.slices]


def dropped_already(finding: Finding) -> Finding:
    """Downgrade a finding that `data.drop_leaks` has already dealt with."""
    if finding.code != "duplicate-across-splits":
        return finding
    message = f"{finding.message} They were dropped: data.drop_leaks is set."
    return replace(finding, severity="note", message=message, fix=None)


def limited(splits: Splits, recipe: Recipe, task: Task, names: Sequence[str]) -> Splits:
    """Apply `data.limit`: draw at most so many rows of each of the named splits.

    Training rows are drawn after the inspection and with the run's seed; the others before it, so
    that findings count the rows that are judged, and with the seed of the splits.
    """
    for split, most in recipe.data.limit.items():
        if split not in names:
            continue
        splits = limit_split(
            splits,
            split,
            most,
            stratify_by=stratified_by(recipe, task),
            seed=recipe.training.seed if split == "train" else recipe.data.split.seed,
            several=task.kind == "multi-label",
        )
    return splits


def with_shots(splits: Splits, recipe: Recipe, task: Task) -> Splits:
    """Apply `data.shots`: draw so many training rows of each label, with the run's seed.

    Raises:
        DataError: A label has too few rows, or the task has no labels.
    """
    n_shots, role = recipe.data.shots, task.answer_role
    if task.kind != "single-label" or role is None or n_shots is None:
        raise DataError(
            f"{task.name} has no labels to draw rows of.",
            received=f"data.shots={n_shots}",
            hint=f"data.limit.train={n_shots}",
        )
    train = few_shots(splits.train, role, n_shots, seed=recipe.training.seed)
    made = f"{splits.made.get('train', '')}; {n_shots} of each label, seed {recipe.training.seed}"
    return replace(splits, train=train, made={**splits.made, "train": made})
