"""A run folder: where a run's results are written, and read by everything that comes after.

    recipe.yaml        the resolved recipe          events.jsonl      every step, as it happened
    model/             a Hugging Face checkpoint    adapter/          where a method leaves one
    predictions.jsonl  every system, row by row     report.html       all of it, for people
    checkpoints/       what resuming a training needs, by phase (`checkpoints.py`)
    NAME.json          the documents below, and those that plug-ins declare

Only this module knows those names.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from luthier.declarations import JSON, Panel
from luthier.errors import LuthierError, RunError
from luthier.recipe.load import read_kept
from luthier.recipe.tree import Recipe
from luthier.records import Target
from luthier.registry import declared
from luthier.runs.checkpoints import Store
from luthier.runs.events import EVENTS, Events
from luthier.runs.files import (
    damaged,
    is_temporary,
    plain,
    read_document,
    read_lines,
    telling_of_disk,
    to_yaml,
    write_whole,
)
from luthier.runs.lock import LOCK, OWNER, Lock
from luthier.runs.no_run import no_run
from luthier.runs.places import making, missing, numbered
from luthier.runs.result import (
    announce_new,
    is_sealed,
    refuse_disagreement,
    renew,
    seal,
    unseal,
    verify,
)
from luthier.runs.seals import MANIFEST
from luthier.runs.shareable import Names, names_of, shareable

DOCUMENTS = {  # name of a JSON document -> what it holds
    "target": "what is predicted",
    "data": "rows, findings and tokens",
    "adaptation": "the model that learned the texts of a domain, beside this run; its new words",
    "scores": "{system: {metric: {value, low, high, n}}}",
    "comparison": "the verdicts",
    "also": "scores on other rows, and what was kept or forgotten there",
    "panels": "what the run has to show: calibration, slices, mistakes …",
    "environment": "the machine, the versions and the time",
    "autotune": "threads and precision measured to be fastest, by phase",
    "status": "running, finished, failed or interrupted, and why",
    "attempts": "each time that the run was started or resumed",
}
DOCUMENT_NAME = re.compile(r"[a-z][a-z0-9_-]*")
STATES = ("running", "finished", "failed", "interrupted", "unknown")
OWN = {"recipe.yaml", "model", "adapter", "checkpoints", "tensorboard", "tracking"} | {
    *("report.html", "predictions.jsonl", EVENTS, MANIFEST, LOCK, OWNER)  # beside documents
}


class RunFolder:
    """One run on disk.

    Args:
        path: The folder.
    """

    is_owned = True  # False where another process of the same run writes

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.lock = Lock(self.path)
        self.events = Events(self.path / EVENTS)
        self._names: Names | None = None
        self.made: list[Path] = []  # folders that were made for it, the innermost first
        self.is_new = False  # whether nothing was in it, and no step was taken yet

    @classmethod
    def create(cls, path: str | Path | None, recipe: Recipe, *, name: str = "run") -> RunFolder:
        """Make a new folder and own it; without a path, the first free one of runs/NAME, NAME-2.

        Raises:
            RunError: The requested folder is not empty, cannot be made, or is being written by
                another process.
        """
        return (cls._first_free(name) if path is None else cls.owned(path)).started(recipe)

    def started(self, recipe: Recipe) -> RunFolder:
        """Start a run in this folder, which is owned.

        Raises:
            RunError: It is not empty.
        """
        if self.entries():
            self.lock.release()
            raise RunError(
                "The folder for the run is not empty, and nothing is ever overwritten.",
                received=str(self.path),
                hint=f"--out {self.path}-2",
            )
        self.is_new = True
        self.begin(recipe)
        return self

    @classmethod
    def owned(cls, path: str | Path) -> RunFolder:
        """Own a folder, made if it does not exist.

        Raises:
            RunError: It cannot be made, or another process writes there.
        """
        folder = cls(path)
        with making(folder.path):
            if folder.path.is_file():
                raise FileExistsError(0, "a file of that name exists")
            folder.made = missing(folder.path)
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.lock.take()
        return folder

    @classmethod
    def _first_free(cls, name: str) -> RunFolder:
        for number in range(1, 10_000):
            path = numbered(name, number)
            made = missing(path)
            with making(path):
                try:
                    path.mkdir(parents=True)
                except FileExistsError:
                    continue
            folder = cls.owned(path)
            folder.made = made
            return folder
        raise RunError("There are 9,999 runs of this name.", received=name, hint="--out FOLDER")

    def entries(self) -> list[str]:
        """List the folder's entries except its lock and the remains of interrupted writes."""
        names = [item.name for item in self.path.iterdir() if not is_temporary(item)]
        return [name for name in names if name not in (LOCK, OWNER)]

    def begin(self, recipe: Recipe, *, changes: Iterable[str] = ()) -> None:
        """Start or resume the run.

        Args:
            recipe: The recipe, which is written to the folder.
            changes: How it differs from the recipe that the run was started with.

        Raises:
            RunError: The disk is full.
        """
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        with telling_of_disk(self.path):
            unseal(self.path)
            self.write_text("recipe.yaml", to_yaml(recipe))
            self._names = names_of(recipe.model_dump(mode="json"), [self.path.absolute()])
            self.write_json("status", {"state": "running", "started": time.time()})
            self._attempts([*self._readable(), {"started": started, "changes": list(changes)}])

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run.

        Raises:
            RunError: There is no run at that path.
        """
        folder = cls(path)
        if (folder.path / "recipe.yaml").is_file():
            return folder
        raise no_run(folder.path)

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    def recipe(self) -> Recipe:
        """Read the resolved recipe back."""
        return read_kept(self.path / "recipe.yaml")

    def state(self) -> dict[str, JSON]:
        """Give the run's status: `state`, and after a failure `reason` and `hint`.

        Raises:
            RunError: It is damaged.
        """
        found = self.read_json("status")
        if found is None and not is_sealed(self.path):
            return {"state": "unknown"}
        if not isinstance(found, dict) or found.get("state") not in STATES:
            raise damaged(self.path / "status.json", ValueError(f"no status: {str(found)[:50]}"))
        return found

    @property
    def reached(self) -> str:
        """The state; of a damaged status: finished if the result is sealed, unknown otherwise."""
        try:
            return str(self.state()["state"])
        except RunError:
            return "finished" if is_sealed(self.path) else "unknown"

    def require_finished(self) -> RunFolder:
        """Return this folder if the run finished and its files are as they were written.

        Raises:
            RunError: The run failed, was interrupted or is still running, or is damaged.
        """
        status = self.state()
        if status["state"] != "finished":
            reason = status.get("reason")
            raise RunError(
                f"This run did not finish: {reason}" if reason else "This run did not finish.",
                received=f"{self.path} ({status['state']})",
                hint="the same `luthier run` command resumes it",
            )
        verify(self.path, status)
        refuse_disagreement(self.path)
        return self

    def attempts(self) -> list[dict[str, JSON]]:
        """List each time that the run was started or resumed, and how that ended.

        Raises:
            RunError: The list is damaged.
        """
        document = self.read_json("attempts") or {"attempts": []}
        found = document.get("attempts") if isinstance(document, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise damaged(self.path / "attempts.json", ValueError("no list of attempts"))
        return found

    def _readable(self) -> list[dict[str, JSON]]:
        """List the attempts; none where they are damaged, so that the run can be resumed."""
        try:
            return self.attempts()
        except RunError:
            return []

    def note(self, **facts: JSON) -> None:
        """Add facts to the current attempt."""
        *before, last = self._readable() or [{}]
        self._attempts([*before, {**last, **facts}])

    def note_resumed(self, phase: str, step: int, words: list[str]) -> None:
        """Record the step of a training that this attempt resumes from, with notes."""
        before = self.attempts()[-1].get("resumed", [])
        self.note(resumed=[*before, {"phase": phase, "step": step, "notes": words}])

    def _attempts(self, attempts: list[dict[str, JSON]]) -> None:
        self.write_json("attempts", {"attempts": attempts})

    def checkpoints(self, phase: str, *, keep: int = 2) -> Store:
        """Open the checkpoints of one training of this run."""
        return Store(self.path / "checkpoints" / re.sub(r"\W+", "-", phase), keep=keep)

    @property
    def has_work(self) -> bool:
        """Whether the folder holds a model or checkpoints."""
        return self.model.exists() or any(self.path.glob("checkpoints/*/checkpoint-*"))

    def write_text(self, name: str, text: str) -> Path:
        """Write a file atomically."""
        return write_whole(self.path / name, [text])

    def write_json(self, document: str, content: object) -> Path:
        """Write one of `DOCUMENTS`, or one that a plug-in declares.

        Args:
            document: Its name. A plug-in declares its own in a class attribute `documents`, a
                mapping from name to what it holds; a package can bring such a mapping under the
                entry point group `luthier.documents`.
            content: What JSON can hold, or dataclasses and NumPy values of it. Paths of this
                machine are cut to what can be shared.
        """
        if document not in DOCUMENTS and document not in declared("documents"):
            raise ValueError(
                f"No document of a run is called '{document}'; a plug-in that writes it declares "
                f'documents = {{"{document}": "what it holds"}}.'
            )
        if not DOCUMENT_NAME.fullmatch(document):
            raise ValueError(f"'{document}' is no name of a document: use a-z, 0-9, - and _.")
        shared = shareable(plain(content), self.names())
        text = json.dumps(shared, ensure_ascii=False, indent=1)
        path = self.path / f"{document}.json"
        announced = partial(announce_new, self.path, path.name)
        write_whole(path, [text, "\n"], before=announced)
        renew(self.path, path.name)
        return path

    def names(self) -> Names:
        """Say what the paths that the recipe names are called in what may be shared."""
        if self._names is None:
            try:
                tree = self.recipe().model_dump(mode="json")
            except (OSError, ValueError, LuthierError):
                tree = None
            self._names = names_of(tree, [self.path.absolute()])
        return self._names

    def read_json(self, document: str) -> JSON:
        """Read a document; None if the run has not written it.

        Raises:
            RunError: It is damaged.
        """
        if not DOCUMENT_NAME.fullmatch(document):
            raise ValueError(f"'{document}' is no name of a document: use a-z, 0-9, - and _.")
        return read_document(self.path, document)

    def add_panels(self, panels: Iterable[Panel]) -> None:
        """Add panels to the report, before those added earlier; any plug-in may.

        Those of the same kind and heading are replaced, so that a resumed run adds none twice.
        """
        added = {(panel.kind, panel.heading): plain(panel) for panel in panels}
        kept = (self.read_json("panels") or {}).get("panels", ())
        others = [one for one in kept if (one["kind"], one["heading"]) not in added]
        self.write_json("panels", {"panels": [*added.values(), *others]})

    def target(self) -> Target:
        """Read the target: what the run predicts.

        Raises:
            RunError: It is damaged.
        """
        try:
            return TypeAdapter(Target).validate_python(self.read_json("target"))
        except ValidationError as problem:
            raise damaged(self.path / "target.json", problem) from problem

    def write_predictions(self, lines: Iterable[Mapping[str, JSON]]) -> Path:
        """Write the test rows with every system's predictions."""

        def shared(line: Mapping[str, JSON]) -> JSON:
            where = {"where": shareable(line["where"], self.names())} if "where" in line else {}
            return plain({**line, **where})

        return write_whole(
            self.path / "predictions.jsonl",
            (json.dumps(shared(line), ensure_ascii=False) + "\n" for line in lines),
        )

    def read_predictions(self) -> Iterator[dict[str, JSON]]:
        """Walk over the test rows as `write_predictions` wrote them."""
        path = self.path / "predictions.jsonl"
        if path.is_file():
            yield from read_lines(path)

    def finish(self, *, keep_checkpoints: bool = False) -> None:
        """Seal the result, mark the run as finished, and delete its checkpoints."""
        self._end("finished")
        if not keep_checkpoints:
            shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def fail(self, reason: str, *, hint: str | None = None) -> None:
        """Record why the run ended early."""
        self._end("failed", reason=reason, hint=hint)

    def interrupt(self, reason: str) -> None:
        """Record that the run was stopped."""
        self._end("interrupted", reason=reason)

    def _end(self, state: str, **why: JSON) -> None:
        ended = time.strftime("%Y-%m-%d %H:%M:%S")
        self.note(ended=ended, state=state, **{name: one for name, one in why.items() if one})
        is_whole = state == "finished"
        if is_whole:
            seal(self.path)
        self.write_json("status", {"state": state, **({"sealed": True} if is_whole else {}), **why})
