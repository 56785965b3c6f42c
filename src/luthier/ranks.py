"""Which of the processes of a run this is, by the environment that torchrun and Accelerate set."""

from __future__ import annotations

import os


def n_processes() -> int:
    """Return the number of processes that train together."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """Return the number of this process among them, from 0."""
    return _number("RANK", 0) if n_processes() > 1 else 0


def is_first() -> bool:
    """Return whether this process owns the run folder, prints, and judges."""
    return rank() == 0


def n_on_this_machine() -> int:
    """Return the number of those processes that run on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1) if n_processes() > 1 else 1


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else otherwise
