"""Fixtures that all tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny import write_tiny_model

# Where nobody looks, the same examples every time; at a desk, new ones, which find new faults.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Callable[[str], Path]:
    """Give the folder of a tiny model by its family, written once a session."""
    made: dict[str, Path] = {}

    def model_of(family: str) -> Path:
        if family not in made:
            made[family] = write_tiny_model(family, tmp_path_factory.mktemp(family))
        return made[family]

    return model_of
