"""Fixtures that all tests share."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

import luthier
from tests.tiny import write_tiny_model
from tests.toys import toy_rows, toy_tree

HERE = Path(__file__).parent
gc.set_threshold(100_000, 20, 50)  # a million objects of libraries, looked through again and again
# What `make test-fast` leaves out: these folders, and of the contracts all but a few plug-ins.
THOROUGH = (
    *("benchmarks", "docs", "equivalence", "first_command", "keras_engine", "learning"),
    *("recipes", "torture"),
)
SLICE = {"test_every_method": ("full", "lora"), "test_every_baseline": ("majority", "crf")}

# Where nobody looks, the same examples every time; at a desk, new ones, which find new faults.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


def pytest_ignore_collect(collection_path, config):
    """Do not import tests that are left out anyway: TensorFlow alone takes seconds."""
    is_left_out = collection_path.parent == HERE and collection_path.name in THOROUGH
    return True if is_left_out and "not thorough" in config.option.markexpr else None


def pytest_collection_modifyitems(items):
    """Mark what is thorough."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        chosen = SLICE.get(item.path.stem)
        asked = getattr(item, "callspec", None)
        is_chosen = chosen is None or (asked and {*chosen} & {*map(str, asked.params.values())})
        if folder in THOROUGH or not is_chosen:
            item.add_marker(pytest.mark.thorough)


def pytest_collection_finish():
    """Leave what was imported out of every search for garbage: it stays."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk():
    """Leave what is written to the system: a third of a tiny run is waiting for the disk itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_kept_from_elsewhere(tmp_path_factory):
    """Keep what is computed once in a folder of the session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUTHIER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
