"""Follows a run from outside and tells a tracker its numbers, each once.

    events.jsonl, scores.json ─► numbers ─► those that the tracker lacks ─► tracker

The run knows nothing of it: it may be over, or going on in another process, and either side may be
stopped and begun again.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from luthier.environment import needing
from luthier.errors import ArgumentError, RunError, suggestion
from luthier.runs import RunFolder
from luthier.runs.files import write_whole
from luthier.runs.lock import Lock, Owned
from luthier.runs.shareable import names_of, shareable
from luthier.tracking.numbers import numbers_of, unknown
from luthier.tracking.tracker import Told, Tracker

FOLDER, NAME = "tracking", "run.json"
TRACKERS = ("tensorboard", "mlflow", "wandb")
OVER = ("finished", "failed")
PATIENCE = 1.0  # seconds between two looks
OWNED = Owned(problem="Another process is tracking this run.", hint="wait until it ends or stop it")


def track(
    run: str | Path,
    to: str,
    *,
    follow: bool = False,
    online: bool = False,
    on_news: Callable[[int], None] = lambda n: None,
) -> tuple[str, int]:
    """Tell a tracker the numbers of a run.

    Args:
        run: The run folder.
        to: `tensorboard`, `mlflow` or `wandb`.
        follow: Whether to go on until the run ends.
        online: Whether the tracker may send, by the user's own settings.
        on_news: Called with how many numbers were written, each time that there were some.

    Returns:
        Where they are seen, and how many were written.

    Raises:
        ArgumentError: There is no such tracker, or it would send without being asked.
        RecipeError: Its library is not installed.
        RunError: There is no run, or another process tracks it there.
    """
    if to not in TRACKERS:
        raise ArgumentError(
            "There is no tracker of this name.",
            received=f"--to {to}",
            hint=suggestion(to, TRACKERS),
        )
    if online and to == "tensorboard":
        raise ArgumentError(
            "TensorBoard reads files, which are sent nowhere.",
            received="--online --to tensorboard",
            hint="leave out --online",
        )
    folder = RunFolder.open(run)
    with _owning(folder), _opened(told_of(folder, to), to, folder, online=online) as tracker:
        known, n = dict(tracker.known()), 0
        while True:
            is_running = folder.lock.is_held()
            if new := unknown(numbers_of(folder), known):
                tracker.write(new)
                known |= {one.series: one.step for one in new}
                n += len(new)
                on_news(len(new))
            if not (follow and is_running):
                return tracker.address, n
            time.sleep(PATIENCE)


@contextmanager
def _owning(folder: RunFolder) -> Iterator[None]:
    """Be the only one who tracks a run while the block runs."""
    place = folder.path / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as problem:
        raise RunError(
            "What is tracked is noted in the run folder, which cannot be written to.",
            received=f"{place}: {problem.strerror}",
            hint="track a copy of the run folder",
        ) from None
    lock = Lock(place, OWNED)
    lock.take()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _opened(told: Told, to: str, folder: RunFolder, *, online: bool) -> Iterator[Tracker]:
    """Open a tracker, and leave what it has complete."""
    with needing(to, f"Numbers go to {to} by a library that is not installed."):
        tracker: Tracker
        if to == "tensorboard":
            from luthier.tracking.to_tensorboard import ToTensorBoard

            tracker = ToTensorBoard(told)
        elif to == "mlflow":
            from luthier.tracking.to_mlflow import ToMlflow

            tracker = ToMlflow(told, online=online)
        else:
            from luthier.tracking.to_wandb import ToWandb

            tracker = ToWandb(told, online=online)
    try:
        yield tracker
    finally:
        tracker.close(is_over=folder.reached in OVER)


def told_of(folder: RunFolder, to: str) -> Told:
    """Gather what a tracker is told of a run, without folders of this machine."""
    note = folder.path / FOLDER / NAME
    if not note.is_file():
        write_whole(note, [json.dumps({"id": secrets.token_hex(8)}) + "\n"])
    known = json.loads(note.read_text(encoding="utf-8"))
    place = folder.path / to if to == "tensorboard" else folder.path / FOLDER / to
    place.mkdir(exist_ok=True)
    recipe = folder.recipe().model_dump(mode="json")
    names = names_of(recipe, (folder.path.resolve(), Path.home()))
    return Told(folder.path.resolve().name, known["id"], place, _flat(shareable(recipe, names)))


def _flat(tree: Mapping[str, object], before: str = "") -> dict[str, object]:
    """Name nested fields by their dotted paths.

    >>> _flat({"data": {"train": "a.csv", "columns": {}}, "seed": 0})
    {'data.train': 'a.csv', 'seed': 0}
    """
    found: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found
