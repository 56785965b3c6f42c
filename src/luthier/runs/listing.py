"""List the runs below a folder, and delete runs: any folder is listed, and nothing else deleted.

A run of another version, or a damaged one, is listed with what can be read of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from luthier import __version__
from luthier.arguments import Paths, checked
from luthier.declarations import JSON
from luthier.errors import LuthierError, RunError
from luthier.recipe.tree import Recipe
from luthier.results import Score
from luthier.runs.folder import RunFolder
from luthier.runs.recording import is_own

RUNS = "runs"
FINISHED, INTERRUPTED, FAILED = "finished", "interrupted", "failed"
RUNNING, UNREADABLE = "running", "unreadable"
UNFIT = (LuthierError, ValidationError, OSError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True)
class RunSummary:
    """A run in a list; what is unknown of it is None.

    Args:
        name: The folder's name.
        folder: Its path.
        state: `finished`, `interrupted` (the same command resumes it), `failed`, `running` (a
            process is writing it), or `unreadable` (damaged, or of another version).
        reason: Why it failed, was interrupted, or cannot be read.
        task: The recipe's task.
        model: The recipe's model.
        method: The recipe's method.
        started: When it was first started, in local time.
        n_bytes: Size of all its files.
        metric: The metric of the verdict.
        score: The fine-tuned model's score on the test rows.
    """

    name: str
    folder: str
    state: str
    reason: str | None
    task: str | None
    model: str | None
    method: str | None
    started: datetime | None
    n_bytes: int
    metric: str | None
    score: Score | None


@checked
def list_runs(folders: Paths = (RUNS,)) -> tuple[RunSummary, ...]:
    """List the runs in folders, the newest first.

    Args:
        folders: One folder or several: each is a run, or holds runs. The usual folder, `runs`, need
            not exist.

    Raises:
        RunError: A folder does not exist.

    Example:
        for run in luthier.list_runs():
            print(run.name, run.state, run.score)
    """
    found: dict[Path, Path] = {}
    for run in sorted(run for folder in folders for run in _runs_in(Path(folder))):
        if run.resolve() not in found or not run.is_symlink():
            found[run.resolve()] = run
    summaries = map(summary_of, found.values())
    return tuple(sorted(summaries, key=lambda one: one.started or datetime.min, reverse=True))


def _runs_in(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        if folder == Path(RUNS):
            return
        raise RunError(
            "There is no such folder of runs.",
            received=str(folder),
            hint="a folder that holds runs, such as runs",
        )
    if is_run(folder):
        yield folder
        return
    yield from filter(is_run, folder.iterdir())


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run: `recipe.yaml` alone may be a recipe of the user's."""
    marks = ("recipe.yaml", "status.json", "attempts.json")
    return all((folder / mark).is_file() for mark in marks)


def summary_of(folder: str | Path) -> RunSummary:
    """Sum a run up, whatever can be read of it."""
    run = RunFolder(folder)
    recipe: Recipe | None = None
    state: dict[str, JSON] = {}
    problem: str | None = None
    try:
        recipe = run.recipe()
        state = run.state()
    except UNFIT as found:
        problem = _other_version(run) or str(getattr(found, "problem", found))
    metric, score = _score(run)
    return RunSummary(
        name=run.path.resolve().name,
        folder=str(folder),
        state=UNREADABLE if problem else _state(run, str(state["state"])),
        reason=problem or state.get("reason"),
        task=None if recipe is None else recipe.task.name,
        model=None if recipe is None else recipe.model.name,
        method=None if recipe is None else recipe.method.name,
        started=_started(run),
        n_bytes=_size(run.path),
        metric=metric,
        score=score,
    )


def _state(run: RunFolder, written: str) -> str:
    """Give the state of a run; one that was killed left "running" behind."""
    if written in (FINISHED, FAILED):
        return written
    return RUNNING if run.lock.is_held() else INTERRUPTED


def _other_version(run: RunFolder) -> str | None:
    """Name the version that wrote a run, where it is another one."""
    try:
        version = run.read_json("environment")["luthier"]
    except UNFIT:
        return None
    is_other = version != __version__
    return f"written by Luthier {version}; this is {__version__}" if is_other else None


def _score(run: RunFolder) -> tuple[str | None, Score | None]:
    try:
        verdict, scores = run.read_json("comparison"), run.read_json("scores")
        metric = str(verdict["main_metric"])
        return metric, TypeAdapter(Score).validate_python(scores[verdict["system"]][metric])
    except UNFIT:
        return None, None


def _started(run: RunFolder) -> datetime | None:
    try:
        return datetime.fromisoformat(run.attempts()[0]["started"])
    except (*UNFIT, IndexError, AttributeError):
        return None


def _size(folder: Path) -> int:
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.lstat().st_size if not path.is_dir() else 0)
        except OSError:  # deleted meanwhile
            continue
    return sum(sizes)


@checked
def delete_runs(folders: Paths) -> int:
    """Delete run folders, all or, if one is refused, none of them.

    Args:
        folders: Run folders, in any state but running.

    Returns:
        The number of bytes that were freed.

    Raises:
        RunError: A folder holds no run, or something else too; it is a link; or a process is
            writing it.

    Example:
        luthier.delete_runs(["runs/recipe-2"])
    """
    paths = list({Path(folder).absolute(): Path(folder) for folder in folders}.values())
    for path in paths:
        refuse_to_delete(path)
    with ExitStack() as owned:
        for path in paths:
            lock = RunFolder(path).lock
            lock.take()
            owned.callback(lock.release)
        freed = sum(map(_size, paths))
        for path in paths:  # what marks a folder as a run goes last, should this be interrupted
            for item in path.iterdir():
                if item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item)
    for path in paths:  # an open lock cannot be deleted on Windows
        shutil.rmtree(path)
    return freed


def refuse_to_delete(path: Path) -> None:
    """Raise if a path is not a run folder that may be deleted.

    Raises:
        RunError: It is a link, holds no run, holds something else too, or is being written.
    """
    if path.is_symlink():
        raise RunError(
            "This is a link, and the run that it points to is not deleted through it.",
            received=f"{path} -> {path.readlink()}",
            hint=f"give the run's own folder, {path.resolve()}",
        )
    if not is_run(path):
        raise RunError(
            "This is not a run folder, and only those are deleted.",
            received=str(path),
            hint="`luthier runs` lists the runs",
        )
    if foreign := sorted(item.name for item in path.iterdir() if not is_own(item)):
        raise RunError(
            "This run folder holds files that no run writes.",
            received=f"{path}: {', '.join(foreign[:5])}",
            hint="move them elsewhere first",
        )
    if RunFolder(path).lock.is_held():
        raise RunError(
            "This run is running.",
            received=str(path),
            hint="wait until it ends, or stop it",
        )
