"""From a recipe to everything that training needs: rows, findings, encoded splits, and the job.

The first half of the main path; `pipeline.py` is the second. `luthier inspect` stops after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from luthier.data.chart import MOST_PLACES
from luthier.data.fingerprint import fingerprint
from luthier.data.inspect import cut_off, drop_leaks, inspect
from luthier.data.labels import is_missing
from luthier.data.read import read
from luthier.data.split import make_splits
from luthier.errors import DataError
from luthier.framing.long_texts import window_stride
from luthier.models.load import build_model, load_tokenizer, read_config, refuse_unfit
from luthier.models.sources import unopened
from luthier.protocols import Task
from luthier.recipe.checks import make_options
from luthier.recipe.tree import Recipe
from luthier.records import Encoded, Finding, Job, Outputs, Rows, Splits, Target
from luthier.registry import find
from luthier.text.tokenize import token_limit


@dataclass(frozen=True)
class Checked:
    """Rows that were read, split and looked at.

    Args:
        splits: The rows. `findings`: what the doctor found in all of them, limits not applied.
        notes: What was detected or decided on the way, in words.
    """

    splits: Splits
    findings: list[Finding]
    notes: list[str]


def make_plugin(kind: str, plugin: Any) -> Any:
    """Make a plug-in with its options, from `{name, options}`.

    Raises:
        RecipeError: There is none of that name, or it has no such options.
    """
    found = find(kind, plugin.name)
    return found(make_options(found, plugin.options))


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
        seed=recipe.training.seed,
    )
    texts = text_roles(task)
    found = inspect(splits, text_roles=texts, label_role=task.answer_role, kind=task.kind)
    findings = [*mended, *found]
    if data.drop_leaks:
        splits, counts = drop_leaks(splits, text_roles=texts)
        notes += [f"{n} leaked rows dropped from {split}" for split, n in counts.items() if n]
        findings = [dropped_already(finding) for finding in findings]
    if data.limit:
        splits = limited(splits, recipe, task)
    return Checked(splits, findings, list(dict.fromkeys(notes)))


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
    rows, found = task.adapt(rows)
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


def limited(splits: Splits, recipe: Recipe, task: Task) -> Splits:
    """Draw at most so many rows of each split, after the doctor has seen them all."""
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
        limit={str(split): n for split, n in recipe.data.limit.items()},
        seed=recipe.training.seed,
    )
    made = {
        split: f"{splits.made.get(split, '')}; limited to {recipe.data.limit[split]} rows"
        if split in recipe.data.limit
        else splits.made.get(split, "")
        for split, _ in splits.items()
    }
    return replace(drawn, made=made)


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


@dataclass(frozen=True)
class Prepared:
    """A job, the tokenizer that encoded it, and all findings."""

    job: Job
    tokenizer: Any
    findings: list[Finding]
    notes: list[str]


def prepare(recipe: Recipe, task: Task, given: Mapping[str, Any] | None = None) -> Prepared:
    """Check the data, encode it, and put together the job."""
    checked = check_data(recipe, task, given)
    refuse_errors(checked.findings, recipe.data.ignore_findings)
    splits, model = checked.splits, recipe.model
    target = task.learn_target(splits.train)
    asked = model.model_dump(include={"revision", "ignore_unsafe_files"})
    tokenizer = load_tokenizer(model.name, new_tokens=model.new_tokens, **asked)
    config = read_config(model.name, **asked)
    is_pooled = model.pooling != "default" or len(model.head_hidden_layers) > 0
    refuse_unfit(config, is_pooled=is_pooled, auto_model=task.auto_model)
    max_tokens = token_limit(tokenizer, config, asked=recipe.data.max_tokens)
    encoded: dict[str, Encoded] = {}
    findings = list(checked.findings)
    for split, rows in splits.items():
        encoded[split] = task.encode(
            rows,
            tokenizer=tokenizer,
            target=target,
            max_tokens=max_tokens,
            stride=window_stride(recipe, task, max_tokens),
            training=split == "train",
        )
        findings += cut_off(
            encoded[split].full_lengths,
            encoded[split].kept,
            rows,
            split=split,
            max_tokens=max_tokens,
        )
    job = make_job(recipe, task, target, splits, encoded, tokenizer, max_tokens=max_tokens)
    notes = unopened(model.name) if model.ignore_unsafe_files else []
    return Prepared(job, tokenizer, findings, [*checked.notes, *notes])


def make_job(
    recipe: Recipe,
    task: Task,
    target: Target,
    splits: Splits,
    encoded: dict[str, Encoded],
    tokenizer: Any,
    *,
    max_tokens: int,
) -> Job:
    """Put together what methods and baselines work with."""
    gold = {split: task.gold(rows, target) for split, rows in splits.items()}
    structure = recipe.model.model_dump(exclude={"name", "new_tokens"})

    def evaluate(outputs: Outputs) -> dict[str, float]:
        return task.watch(outputs, gold["validation"], target)

    def make_model(pretrained: bool, *, auto_model: str | None = None) -> Any:
        return build_model(
            recipe.model.name,
            tokenizer=tokenizer,
            labels=target.names,
            problem_type=task.problem_type,
            auto_model=auto_model or task.auto_model,
            trained_head=auto_model is not None,
            pretrained=pretrained,
            seed=recipe.training.seed,
            generation=task.generation(tokenizer, max_tokens=max_tokens),
            crf=task.crf,
            **structure,
        )

    smoothing = recipe.training.label_smoothing_factor
    return Job(
        task=task,
        target=target,
        splits=splits,
        encoded=encoded,
        collate=partial(task.collate, tokenizer=tokenizer),
        objective=task.objective(target, gold["train"], label_smoothing=smoothing),
        training=recipe.training,
        gather=partial(task.gather, tokenizer=tokenizer),
        evaluate=evaluate,
        main_metric=task.watched_metric,
        make_model=make_model,
        tokenizer=tokenizer,
    )


def describe_data(prepared: Prepared) -> dict[str, Any]:
    """Say what `data.json` keeps: rows, files, fingerprints, labels, tokens and findings."""
    splits, tokens = {}, {}
    for split, rows in prepared.job.splits.items():
        splits[split] = {
            "rows": len(rows),
            "files": sorted({rows.files[i] for i in set(rows.file_of.tolist())}),
            "made": prepared.job.splits.made.get(split, ""),
            "sha256": fingerprint(rows),
            "labels": count_labels(
                prepared.job.target, prepared.job.task.gold(rows, prepared.job.target)
            ),
        }
        tokens[split] = describe_tokens(prepared.job.encoded[split])
    return {
        "splits": splits,
        "reading": prepared.notes,
        "findings": prepared.findings,
        "tokens": tokens,
    }


def count_labels(target: Target, gold: Any) -> dict[str, int] | None:
    """Count the rows (for tags, the words) of every label; None where there are none."""
    if target.kind == "multi-label":
        counts = gold.sum(axis=0).astype(int)
    elif target.kind == "single-label":
        counts = np.bincount(gold, minlength=target.n_outputs)
    elif target.kind == "tags":
        counts = np.bincount(gold.values[gold.values >= 0], minlength=target.n_outputs)
    else:
        return None
    return dict(zip(target.names, counts.tolist(), strict=True))


def describe_tokens(encoded: Encoded) -> dict[str, Any]:
    """Describe the lengths of a split's rows, and what was cut off."""
    full, kept = encoded.full_lengths, encoded.kept
    if len(full) == 0:
        return {}
    counts, edges = np.histogram(full, bins=min(30, int(full.max())), range=(0, full.max() + 1))
    return {
        "mean": float(full.mean()),
        "max": int(full.max()),
        "cut_rows": int((kept < full).sum()),
        "cut_tokens_share": float((full - kept).sum() / full.sum()),
        **describe_windows(encoded),
        "histogram": {"edges": edges.round(1), "counts": counts},
    }


def describe_windows(encoded: Encoded) -> dict[str, Any]:
    """Count the rows that were read in several windows, and what that cost in tokens."""
    if encoded.row_of is None or encoded.kept_lengths is None or "turns" in encoded.marks:
        return {}  # turns: copies of one window, of which each hides other tokens
    n_windows = np.bincount(encoded.row_of, minlength=len(encoded.full_lengths))
    if not (n_windows > 1).any():
        return {}
    n_read = float(encoded.lengths.sum())
    return {
        "windowed_rows": int((n_windows > 1).sum()),
        "windows": int(n_windows[n_windows > 1].sum()),
        "extra_tokens_share": n_read / float(encoded.kept_lengths.sum()) - 1,
    }
