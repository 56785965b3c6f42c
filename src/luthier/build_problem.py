"""Turns a recipe into what training needs: rows, findings, encoded splits and the job.

The first half of the main path, after `load_splits.py`; `pipeline.py` is the second.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.codec import Codec
from luthier.columns import SOFT
from luthier.data.doctor.inspect_splits import cut_off, many_to_augment, nothing_to_learn
from luthier.data.fingerprint import fingerprint
from luthier.items import Items, Truncation
from luthier.job import Job, Plan, Problem, Regulariser, Session
from luthier.load_splits import check_data
from luthier.models.identity import describe_model
from luthier.models.load import build_model, read_config, refuse_unfit
from luthier.models.locate import unopened
from luthier.models.rescale import rescale
from luthier.models.trained_head import NOTE, ONE_OUTPUT
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import DEFAULT_ENGINE, make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Gold, Rows, Splits, StepInfo, Target
from luthier.registry import find
from luthier.reported import reporting_to
from luthier.results import Finding
from luthier.seeding import seed_of
from luthier.sources.further import Further
from luthier.task_types.bind import codec_of, load_processor, tokenizer_of

if TYPE_CHECKING:
    from luthier.weak_labels.label_rows import WeakLabels


@dataclass(frozen=True)
class Prepared:
    """A job, the findings about its data, notes on how it was read, and labels by functions."""

    job: Job
    findings: list[Finding]
    notes: list[str]
    weak: WeakLabels | None = None


def prepare(
    recipe: Recipe,
    task: Task,
    given: Mapping[str, Any] | None = None,
    adapted: Recipe | None = None,
    listener: Callable[[StepInfo], None] = lambda info: None,
) -> Prepared:
    """Check and encode the data, and assemble the job.

    Args:
        recipe: The recipe.
        task: Its task.
        given: Rows in memory, as for a run.
        adapted: The recipe with the model that learned the texts of its adaptation; None: it names
            none.
        listener: Called with every step of work on the rows.
    """
    unadapted, recipe = recipe, adapted or recipe
    checked = check_data(recipe, task, given, listener=listener)
    refuse_errors(checked.findings, recipe.data.ignore_findings)
    codec = make_codec(recipe, task, checked.learn_target(task))
    items: dict[str, Items] = {}
    notes = list(checked.notes)
    if learned_rows(checked.splits.train, recipe) is not checked.splits.train:
        notes.append(f"{recipe.method.name} learns labels, not their probabilities")
    findings = list(checked.findings)
    for split, rows in checked.splits.items():
        with reporting_to(getattr(listener, "show", listener)):
            made = codec.encode(learned_rows(rows, recipe), training=split == "train")
        items[split] = made
        own = Truncation("text-cut-off", "text", "data.max_tokens", made.full_lengths, made.kept)
        for truncation in (own, *made.truncations):
            findings += cut_off(truncation, rows, split=split)
    unlearned = nothing_to_learn(items["train"], checked.splits.train)
    refuse_errors(unlearned, recipe.data.ignore_findings)
    findings += unlearned
    if recipe.augmentation:
        findings += many_to_augment(checked.splits.train)
    model = recipe.model
    notes += unopened(model.name) if model.ignore_unsafe_files else []
    further = checked.further
    for beside in filter(None, (further.replay, *further.others.values())):
        codec.gold(beside)  # raises at answers that the training rows lack
    job = make_job(recipe, codec, checked.splits, items).with_problem(**vars(further))
    job = job.with_problem(outside=checked.outside)
    if adapted is not None:
        job = job.with_session(unadapted=partial(train_unadapted, unadapted))
    return Prepared(job, findings, notes, checked.weak)


def learned_rows(rows: Rows, recipe: Recipe) -> Rows:
    """Leave out probabilities of labels where the method or the engine learns labels alone."""
    method = find("methods", recipe.method.name)
    is_soft = recipe.engine == DEFAULT_ENGINE and getattr(method, "learns_soft_labels", False)
    if is_soft or SOFT not in rows:
        return rows
    kept = {name: cells for name, cells in rows.columns.items() if name != SOFT}
    return replace(rows, columns=kept)


def train_unadapted(
    recipe: Recipe, job: Job, phase: str
) -> Generator[StepInfo, None, tuple[Any, Job]]:
    """Train the recipe's own model, which its adaptation has not changed, by the same method.

    Args:
        recipe: The recipe.
        job: The job of the adapted model, whose tokenizer may have more words.
        phase: Name of the training.

    Returns:
        The trained model, and the job that it was trained by.
    """
    from luthier.training.state import seed_all

    codec = make_codec(recipe, job.problem.codec.task, job.problem.codec.target)
    splits = job.problem.splits
    items = {
        split: codec.encode(learned_rows(rows, recipe), training=split == "train")
        for split, rows in splits.items()
    }
    given = job.problem
    beside: dict[str, Any] = {"unlabelled": given.unlabelled, "replay": given.replay}
    beside["row_weights"] = given.row_weights
    plain = make_job(recipe, codec, splits, items).with_problem(**beside)
    model = plain.session.make_model(True)
    held_to = {**job.session.held_to, **describe_model(model, codec.processor)}
    plain = plain.with_session(phase=phase, run=job.session.run, held_to=held_to)
    seed_all(seed_of(recipe.training.seed, "method"))
    model = yield from make_plugin("methods", recipe.method).fit(model, plain)
    return model, plain


def make_codec(recipe: Recipe, task: Task, target: Target) -> Codec:
    """Bind the task to the model's processor.

    Raises:
        ModelError: The model has no head for the task, or the engine cannot train it.
    """
    model = recipe.model
    source = model.model_dump(include={"revision", "ignore_unsafe_files"})
    processor = load_processor(task, model.name, new_tokens=model.new_tokens, **source)
    config = read_config(model.name, **source)
    is_pooled = model.pooling != "default" or len(model.head_hidden_layers) > 0
    refuse_unfit(config, is_pooled=is_pooled, auto_model=task.auto_model)
    find("engines", recipe.engine).check_model(config)
    return codec_of(recipe, task, target, processor, config)


def make_job(recipe: Recipe, codec: Codec, splits: Splits, items: Mapping[str, Items]) -> Job:
    """Assemble the job of methods and baselines."""
    task, structure = codec.task, recipe.model.model_dump(exclude={"name", "new_tokens"})
    gold = {split: codec.gold(rows) for split, rows in splits.items()}

    def make_model(pretrained: bool, *, auto_model: str | None = None) -> Any:
        model = build_model(
            recipe.model.name,
            tokenizer=tokenizer_of(codec.processor),
            labels=codec.target.names,
            problem_type=task.problem_type,
            auto_model=auto_model or task.auto_model,
            trained_head=auto_model is not None,
            pretrained=pretrained,
            seed=recipe.training.seed,
            generation=codec.generation(),
            crf=task.crf,
            fusion=codec.head(),
            **structure,
        )
        mean, scale = codec.target.mean, codec.target.scale
        if codec.target.kind == "number" and getattr(model, NOTE) == ONE_OUTPUT:
            rescale(model, mean=-mean / scale, scale=1 / scale)  # targets are standardised
        return model

    settings = recipe.training
    if recipe.augmentation:  # changed texts may have other tokens
        settings = settings.model_copy(update={"compact_vocabulary": False})
    smoothing = recipe.training.label_smoothing_factor
    objective = codec.objective(gold["train"], label_smoothing=smoothing)
    return Job(
        Problem(codec, splits, items, gold),
        Session(make_model, engine=recipe.engine),
        Plan(
            settings,
            objective,
            regularisers=make_regularisers(recipe),
            augmenters=tuple(make_plugin("augmenters", one) for one in recipe.augmentation),
            replay_share=0.0 if recipe.data.replay is None else recipe.data.replay.share,
        ),
    )


def make_regularisers(recipe: Recipe) -> tuple[Regulariser, ...]:
    """Make the regularisers of the recipe."""
    return tuple(make_plugin("regularisers", plugin) for plugin in recipe.regularisers)


def describe_data(prepared: Prepared) -> dict[str, Any]:
    """Describe the data for `data.json`: rows, files, fingerprints, labels, tokens and findings."""
    problem, splits, tokens = prepared.job.problem, {}, {}
    for split, rows in problem.splits.items():
        splits[split] = {
            "rows": len(rows),
            "files": sorted({rows.files[i] for i in set(rows.file_of.tolist())}),
            "made": problem.splits.made.get(split, ""),
            "sha256": fingerprint(rows),
            "labels": count_labels(problem.codec.target, problem.gold[split]),
        }
        tokens[split] = describe_tokens(problem.items[split])
    beside = Further(problem.unlabelled, problem.replay, problem.others).named()
    described: dict[str, Any] = {
        name: {"rows": len(rows), "sha256": fingerprint(rows)}
        for name, rows in (*beside.items(), *_outside(problem.outside))
    }
    if prepared.weak is not None:
        described["weak"] = prepared.weak
    return described | {
        "splits": splits,
        "reading": prepared.notes,
        "findings": prepared.findings,
        "tokens": tokens,
    }


def _outside(outside: Mapping[str, Rows]) -> list[tuple[str, Rows]]:
    return [(f"no label {split}", rows) for split, rows in outside.items()]


def count_labels(target: Target, gold: Gold) -> dict[str, int] | None:
    """Count the rows (for tags, the words) of every label; None if the target has no labels."""
    if target.kind == "multi-label":
        counts = gold.sum(axis=0).astype(int)
    elif target.kind == "single-label":
        counts = np.bincount(gold, minlength=target.n_outputs)
    elif target.kind == "tags":
        counts = np.bincount(gold.values[gold.values >= 0], minlength=target.n_outputs)
    else:
        return None
    return dict(zip(target.names, counts.tolist(), strict=True))


def describe_tokens(items: Items) -> dict[str, Any]:
    """Describe token counts of a split, and how much was truncated."""
    full, kept = items.full_lengths, items.kept
    if len(full) == 0:
        return {}
    counts, edges = np.histogram(full, bins=min(30, int(full.max())), range=(0, full.max() + 1))
    return {
        "mean": float(full.mean()),
        "max": int(full.max()),
        "cut_rows": int((kept < full).sum()),
        "cut_tokens_share": float((full - kept).sum() / full.sum()),
        **describe_windows(items),
        "histogram": {"edges": edges.round(1), "counts": counts},
    }


def describe_windows(items: Items) -> dict[str, Any]:
    """Count the rows that are split into windows, and the tokens read twice."""
    is_copied = getattr(items.layout, "turns", None) is not None  # each copy masks other tokens
    if items.row_of is None or items.kept_lengths is None or is_copied:
        return {}
    n_windows = np.bincount(items.row_of, minlength=len(items.full_lengths))
    if not (n_windows > 1).any():
        return {}
    n_read = float(items.cost.sum())
    return {
        "windowed_rows": int((n_windows > 1).sum()),
        "windows": int(n_windows[n_windows > 1].sum()),
        "extra_tokens_share": n_read / float(items.kept_lengths.sum()) - 1,
    }
