"""Fixtures that all tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

import luthier
from tests.tiny import write_tiny_model
from tests.toys import toy_rows, toy_tree

# Where nobody looks, the same examples every time; at a desk, new ones, which find new faults.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Callable[..., Path]:
    """Give the folder of a tiny model by its family and head, written once a session."""
    made: dict[tuple[str, str | None], Path] = {}

    def model_of(family: str, head: str | None = None) -> Path:
        if (family, head) not in made:
            folder = tmp_path_factory.mktemp(family)
            made[family, head] = write_tiny_model(family, folder, head=head)
        return made[family, head]

    return model_of


@pytest.fixture(scope="session")
def tiny_teacher(tiny_model, tmp_path_factory) -> Callable[[str], Path]:
    """Give the folder of a finished run on a task's toy rows, run once a session."""
    made: dict[str, Path] = {}

    def run_of(task: str) -> Path:
        if task not in made:
            # long enough that it is sure of its answers, and its last weights, which are surest
            training = {"num_train_epochs": 25, "learning_rate": 5e-3, "use_cpu": True}
            training["load_best_model_at_end"] = False
            tree = toy_tree(task, tiny_model("bert"), baselines=[], training=training)
            folder = tmp_path_factory.mktemp("teacher") / task
            made[task] = Path(luthier.run(tree, out=folder, data={"train": toy_rows(task)}).folder)
        return made[task]

    return run_of
