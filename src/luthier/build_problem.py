"""From a recipe to everything that training needs: rows, findings, encoded splits, and the job.

The first half of the main path, after `load_splits.py`; `pipeline.py` is the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from luthier.data.doctor.inspect_splits import cut_off
from luthier.data.fingerprint import fingerprint
from luthier.load_splits import check_data, refuse_errors
from luthier.models.load import build_model, load_tokenizer, read_config, refuse_unfit
from luthier.models.locate import unopened
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Cut, Encoded, Finding, Job, Outputs, Splits, Target
from luthier.registry import find
from luthier.task_types.long_texts import window_stride
from luthier.text.tokenize import token_limit


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
    target = checked.learn_target(task)
    asked = model.model_dump(include={"revision", "ignore_unsafe_files"})
    tokenizer = load_tokenizer(model.name, new_tokens=model.new_tokens, **asked)
    config = read_config(model.name, **asked)
    is_pooled = model.pooling != "default" or len(model.head_hidden_layers) > 0
    refuse_unfit(config, is_pooled=is_pooled, auto_model=task.auto_model)
    find("engines", recipe.engine).check_model(config)
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
        whole = encoded[split]
        own = Cut("text-cut-off", "text", "data.max_tokens", whole.full_lengths, whole.kept)
        for cut in (own, *whole.cuts):
            findings += cut_off(cut, rows, split=split)
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
        return task.validation_scores(outputs, gold["validation"], target)

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
        validation_metric=task.validation_metric,
        make_model=make_model,
        tokenizer=tokenizer,
        engine=recipe.engine,
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
