"""Luthier as an arm: the rows of a problem through `training/loop.py`, by a recipe's defaults."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import DECAY, WARMUP
from benchmarks.problems import Problem, chosen
from luthier.build_problem import make_job, prepare
from luthier.codec import Codec
from luthier.columns import Limits
from luthier.models.load import build_model, load_tokenizer, quietly
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.sources.labelled import read_labelled
from luthier.task_types.long_texts import window_stride
from luthier.training.listeners import follow
from luthier.training.loop import train


def make_recipe(problem: Problem, options: argparse.Namespace) -> Recipe:
    """Write what all arms have in common as a recipe; overrides of the command line over it."""
    source: dict[str, Any] = {
        "model": options.model,
        **problem.recipe,
        "data": {
            "train": str(options.data / problem.file),
            "max_tokens": options.max_tokens or problem.max_tokens,
            **problem.data,
            "limit": {"train": options.rows} if options.rows else {},
            "ignore_findings": ["conflicting-labels", "duplicate-across-splits"],
        },
        "training": {
            "learning_rate": options.learning_rate,
            "num_train_epochs": options.epochs,
            "max_steps": options.steps,
            "per_device_train_batch_size": options.batch_size,
            "weight_decay": DECAY,
            "warmup_steps": WARMUP,
            "eval_strategy": "no",
            "seed": options.seed,
            "use_cpu": options.device == "cpu",
        },
        "baselines": [],
    }
    return read_recipe(source, options.set)


@dataclass
class LuthierArm:
    """A recipe, its rows as read, and the model that it begins with.

    Args:
        recipe: What to do. `task`: Of the recipe.
        rows: The training rows. `model`, `tokenizer`: Read.
    """

    recipe: Recipe
    task: Any
    rows: Rows
    model: Any
    tokenizer: Any

    @staticmethod
    def make(problem: Problem, options: argparse.Namespace) -> LuthierArm:
        """Read rows and model, before any clock starts."""
        recipe = make_recipe(problem, options)
        task = make_plugin("tasks", recipe.task)
        rows, _, _ = read_labelled(recipe.data.train, recipe, task)
        if options.rows is not None:
            rows = rows.take(chosen(len(rows), options.rows))
        tokenizer = load_tokenizer(recipe.model.name)
        model = build_model(
            recipe.model.name,
            tokenizer=tokenizer,
            labels=task.learn_target(rows).names,
            problem_type=task.problem_type,
            auto_model=task.auto_model,
            generation=bind(recipe, task, rows, tokenizer).generation(),
            seed=recipe.training.seed,
        )
        return LuthierArm(recipe, task, rows, model, tokenizer)

    def train(self, *, checked: bool = False) -> Any:
        """Encode the rows and train.

        Args:
            checked: Whether to read and check the file too, as `luthier run` does.
        """
        with quietly():
            job = prepare(self.recipe, self.task).job if checked else self._job()
            return follow(train(self.model, job), lambda info: None)

    def _job(self) -> Any:
        none = self.rows.take([])
        splits = Splits(self.rows, none, none)
        codec = bind(self.recipe, self.task, self.rows, self.tokenizer)
        items = {
            split: codec.encode(rows, training=split == "train") for split, rows in splits.items()
        }
        return make_job(self.recipe, codec, splits, items)


def bind(recipe: Recipe, task: Task, rows: Rows, tokenizer: Any) -> Codec:
    """Bind the task to its target in the rows, and to the tokenizer."""
    most = recipe.data.max_tokens or 512
    limits = Limits(most, window_stride(recipe, task, most))
    return task.codec(task.learn_target(rows), tokenizer, limits, seed=recipe.training.seed)
