"""Finished runs whose files tests change: without the manifest that would find it out."""

from __future__ import annotations

from pathlib import Path

from luthier.runs import RunFolder
from luthier.runs.result import unseal


def without_seal(run: str | Path) -> Path:
    """Take the manifest of a finished run away, as whoever changes its files on purpose can."""
    unseal(Path(run))
    RunFolder(run).write_json("status", {"state": "finished"})
    return Path(run)
