"""Explanations as a page of their own, and as panels of a run's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luthier.declarations import Panel
from luthier.errors import DataError
from luthier.explaining.explain import Explanations
from luthier.report.explanations import page
from luthier.report.render import write_report
from luthier.runs import RunFolder, plain
from luthier.runs.files import telling_of_disk, write_whole

PAGES = (".html", ".htm")


def page_at(out: str | Path) -> Path:
    """Return the path of a page, if one can be written there.

    Raises:
        DataError: It has another suffix, is a folder, or stands in a folder that is not there.
    """
    path = Path(out)
    if path.suffix.lower() not in PAGES:
        raise DataError(
            "Explanations are written as a page of HTML.",
            received=f"--out {out}",
            hint=f"--out {path.with_suffix('.html')}; or --json, to a file of your choice",
        )
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise DataError(
            f"The page cannot be written: it {why}.",
            received=f"--out {out}",
            hint=f"--out {path.name if not path.is_dir() else 'page.html'}",
        )
    return path


def write_page(path: Path, explained: Sequence[Explanations], **about: Any) -> None:
    """Write explained rows as a page.

    Args:
        path: The page.
        explained: The rows.
        about: What `report.explanations.page` says of them.

    Raises:
        DataError: The file cannot be written.
    """
    html = page([plain(one.to_json()) for one in explained], **about)
    try:
        write_whole(path, [html])
    except OSError as problem:
        raise DataError(
            "The page cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out a path that you may write to",
        ) from problem


def keep(run: RunFolder, panels: Sequence[Panel]) -> Path:
    """Keep panels in a finished run, in place of those of the same kind and heading.

    Its report is rewritten.

    Args:
        run: The run.
        panels: What it has to show: the words that matter, or what a check of explanations found.

    Returns:
        The path of the report.

    Raises:
        RunError: The run did not finish, is damaged, or is being written by another process.
    """
    run.lock.take()
    try:
        with telling_of_disk(run.path):
            run.require_finished().add_panels(panels)
            return write_report(run.path)
    finally:
        run.lock.release()
