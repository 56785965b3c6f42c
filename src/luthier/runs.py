"""A run folder: where a run's results are written, and read again by everything that comes after.

    recipe.yaml        the resolved recipe          target.json       what is predicted
    data.json          rows, findings, tokens       events.jsonl      every step, as it happened
    model/             a Hugging Face checkpoint    adapter/          where a method leaves one
    predictions.jsonl  every system, row by row     scores.json       {system: {metric: {value …}}}
    comparison.json    verdicts                     analysis.json     calibration, slices, mistakes
    environment.json   what it ran on               report.html       all of it, for people
    status.json        running, finished or failed, and why

This is the only module that knows those names. JSON here is strict: a number that is not finite
is written as null.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from luthier.errors import RunError, nearest
from luthier.recipe.tree import Recipe
from luthier.records import Target

DOCUMENTS = (
    "target",
    "data",
    "scores",
    "comparison",
    "analysis",
    "environment",
    "status",
)


def plain(value: Any) -> Any:
    """Reduce dataclasses, NumPy values, tuples and paths to what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


class RunFolder:
    """One run on disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._started = time.monotonic()

    @classmethod
    def create(cls, path: str | Path | None, recipe: Recipe, *, name: str = "run") -> RunFolder:
        """Make a new folder; without a path the first free one of runs/NAME, runs/NAME-2 and on.

        Raises:
            RunError: The folder asked for exists and is not empty, or cannot be made.
        """
        if path is None:
            folder = cls._first_free(name)
        else:
            folder = cls(path)
            if folder.path.exists() and (folder.path.is_file() or any(folder.path.iterdir())):
                raise RunError(
                    "The folder for the run is not empty, and nothing is ever overwritten.",
                    received=str(folder.path),
                    hint=f"--out {folder.path}-2",
                )
            try:
                folder.path.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise RunError(
                    "The folder for the run cannot be made.",
                    received=f"{folder.path}: {problem.strerror}",
                    hint="--out a folder that you may write to",
                ) from problem
        folder.write_text("recipe.yaml", to_yaml(recipe))
        folder.write_json("status", {"state": "running", "started": time.time()})
        return folder

    @classmethod
    def _first_free(cls, name: str) -> RunFolder:
        for number in range(1, 10_000):
            path = Path("runs") / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as problem:
                raise RunError(
                    "The folder for the run cannot be made.",
                    received=f"{path}: {problem.strerror}",
                    hint="--out a folder that you may write to",
                ) from problem
            return cls(path)
        raise RunError("There are 9,999 runs of this name.", received=name, hint="--out FOLDER")

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run.

        Raises:
            RunError: There is no run at that path.
        """
        folder = cls(path)
        if (folder.path / "recipe.yaml").is_file():
            return folder
        siblings = folder.path.parent.glob("*/recipe.yaml") if folder.path.parent.is_dir() else ()
        known = sorted(str(recipe.parent) for recipe in siblings)
        close = nearest(str(path), known)
        hint = f"did you mean {close}?" if close else None
        if hint is None:
            hint = f"runs here: {', '.join(known[:5])}" if known else "luthier run RECIPE makes one"
        raise RunError("There is no run in this folder.", received=str(path), hint=hint)

    @property
    def model(self) -> Path:
        """Where the trained model lies."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    def recipe(self) -> Recipe:
        """Read the resolved recipe back."""
        text = (self.path / "recipe.yaml").read_text(encoding="utf-8")
        return Recipe.model_validate(yaml.safe_load(text))

    def state(self) -> dict[str, Any]:
        """Say how far the run came: `state`, and where it failed `reason` and `hint`."""
        return self.read_json("status") or {"state": "unknown"}

    def require_finished(self) -> RunFolder:
        """Give this folder back if the run ended well.

        Raises:
            RunError: It failed, was interrupted or is still running.
        """
        status = self.state()
        if status["state"] != "finished":
            reason = status.get("reason")
            raise RunError(
                f"This run did not finish: {reason}" if reason else "This run did not finish.",
                received=f"{self.path} ({status['state']})",
                hint="run its recipe again, into a new folder",
            )
        return self

    def write_text(self, name: str, text: str) -> Path:
        """Write a file whole or not at all."""
        path = self.path / name
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
        return path

    def write_json(self, document: str, content: Any) -> Path:
        """Write one of `DOCUMENTS`."""
        if document not in DOCUMENTS:
            raise ValueError(f"no document of a run is called '{document}'")
        text = json.dumps(plain(content), ensure_ascii=False, indent=1)
        return self.write_text(f"{document}.json", text + "\n")

    def read_json(self, document: str) -> Any:
        """Read one of `DOCUMENTS`, or None where the run has not written it."""
        path = self.path / f"{document}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def target(self) -> Target:
        """Read back what the run predicts."""
        kept = self.read_json("target")
        kept |= {name: tuple(kept[name]) for name in ("names", "thresholds") if kept[name]}
        return Target(**kept)

    def append_event(self, event: Any) -> None:
        """Add one step to the events, with the seconds since the run began."""
        content = {key: value for key, value in plain(event).items() if value is not None}
        content["time"] = round(time.monotonic() - self._started, 3)
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(content, ensure_ascii=False) + "\n")

    def read_events(self) -> Iterator[dict[str, Any]]:
        """Walk over the events; an incomplete last line is passed over."""
        return self._read_lines("events.jsonl")

    def write_predictions(self, lines: Iterable[Mapping[str, Any]]) -> Path:
        """Write the test rows with what every system said of them."""
        path = self.path / "predictions.jsonl"
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        with temporary.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
        os.replace(temporary, path)
        return path

    def read_predictions(self) -> Iterator[dict[str, Any]]:
        """Walk over the test rows as `write_predictions` got them."""
        return self._read_lines("predictions.jsonl")

    def _read_lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.path / name
        if not path.is_file():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)

    def finish(self) -> None:
        """Mark the run as complete."""
        self.write_json("status", {"state": "finished"})

    @contextmanager
    def recording(self, *, on_failure: Callable[[Path], object]) -> Iterator[None]:
        """Leave the reason in the folder if the block inside does not end well.

        Args:
            on_failure: Called with the folder then, to write a report of what there is.
        """
        finished = False
        try:
            yield
            finished = True
        finally:
            if not finished:
                problem = sys.exc_info()[1]
                reason = str(getattr(problem, "problem", problem) or type(problem).__name__)
                self.fail(reason, hint=getattr(problem, "hint", None))
                on_failure(self.path)

    def fail(self, reason: str, *, hint: str | None = None) -> None:
        """Leave the reason why the run ended early."""
        self.write_json("status", {"state": "failed", "reason": reason, "hint": hint})


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML that reads back to an equal one."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
