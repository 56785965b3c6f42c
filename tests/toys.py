"""Toy problems for tests: a task's own toy rows, split, on a tiny model."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luthier.build_problem import Prepared, prepare
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.registry import find

# Which tiny model learns a task, where BERT cannot.
FAMILY = {
    "translation": "t5",
    "summarization": "bart",
    "causal-lm": "gpt2",
    "denoising": "bart",
    "image-classification": "vit",
    "audio-classification": "wav2vec2",
}
OPTIONS = {  # that make tiny models write little, and quickly
    "translation": {"max_target_tokens": 16, "num_beams": 2},
    "summarization": {"max_target_tokens": 12, "num_beams": 2},
    "causal-lm": {"max_new_tokens": 4},
    "multimodal-classification": {
        "inputs": {"text": "text", "price": "number", "brand": "category"},
        "joint_width": 16,
        "joint_rate": 1.0,
    },
    "multimodal-regression": {
        "inputs": {"text": "text", "weight": "number"},
        "joint_width": 16,
        "joint_rate": 1.0,
    },
}

WORDS = {  # for the labels of a task's toy rows, where these are no words of the tiny tokenizer
    "pair-classification": {"agrees": "yes", "disagrees": "no", "evades": "who"},
}


def method_options(name: str, task: str, teacher: Callable[[str], Path]) -> dict[str, Any]:
    """Give options with which a method learns a task's toy rows quickly.

    Args:
        name: Of the method.
        task: Of which rows.
        teacher: From a task to the folder of a finished run on its toy rows.
    """
    if name == "linear-probe":
        return {"learning_rate": 2e-2}  # the others follow the training section
    if name in ("maml", "reptile"):
        return {"meta_batch": 1}
    if name == "top-layers":
        return {"n_layers": 1}
    if name in ("prefix-tuning", "prompt-tuning", "p-tuning"):
        return {"num_virtual_tokens": 3}  # tiny models have few positions
    if name == "distillation":
        return {"teacher": str(teacher(task))}
    if name == "dann":
        return {"weight": 0.1}  # the loss counts a classifier whose work is made hard
    if name == "self-training":
        return {"threshold": 0.3}
    if name == "prompt-mlm":
        return {"verbaliser": WORDS.get(task, {})}
    return {}


def toy_tree(task: str, folder: Path, **sections: Any) -> dict[str, Any]:
    """Write a recipe for a task's toy rows, which are given in memory."""
    return {
        "model": {"name": str(folder), **sections.pop("model", {})},
        "task": {"name": task, "options": {**OPTIONS.get(task, {}), **sections.pop("options", {})}},
        "data": {
            "train": "memory:train",
            "split": {"validation": 0.2, "test": 0.3},
            **sections.pop("data", {}),
        },
        "training": {
            "num_train_epochs": 2,
            "learning_rate": 1e-2,
            "per_device_train_batch_size": 8,
            **sections.pop("training", {}),
        },
        "evaluation": {
            "n_resamples": 100,
            "explained_rows": 0,
            **sections.pop("evaluation", {}),
        },
        **sections,
    }


def toy_rows(task: str) -> Rows:
    """Give a task's toy rows."""
    return find("tasks", task).toy_rows()


def unlabelled_rows(task: str, rows: Rows | None = None) -> Rows:
    """Give rows like a task's toy rows, in other words and without answers."""
    known, made = rows or toy_rows(task), find("tasks", task)
    columns = {column.role: list(known[column.role]) for column in made.columns[:-1]}
    columns["text"] = [f"{text} {text.split()[0]}" for text in columns["text"]]
    return Rows.of(columns)


def given_for(method: str, task: str, rows: Rows | None = None) -> dict[str, Rows]:
    """Give rows in memory as a method wants them: with unlabelled ones if it reads such."""
    known = rows or toy_rows(task)
    if not getattr(find("methods", method), "reads_unlabelled", False):
        return {"train": known}
    return {"train": known, "unlabelled": unlabelled_rows(task, known)}


def toy_problem(task: str, folder: Path, **sections: Any) -> tuple[Recipe, Prepared]:
    """Prepare a task's toy rows for training on a tiny model."""
    recipe = Recipe.model_validate(toy_tree(task, folder, **sections))
    made = make_plugin("tasks", recipe.task)
    given = given_for("self-training" if made.unit == "sequence" else "full", task)
    return recipe, prepare(recipe, made, given)


def write_csv(rows: Rows, path: Path) -> Path:
    """Write rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows.columns)
        writer.writerows(zip(*rows.columns.values(), strict=True))
    return path
