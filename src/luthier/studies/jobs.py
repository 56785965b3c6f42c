"""Runs several trials of a study at once, in processes of this machine or on a Ray cluster.

Each runs the command `luthier run`, so a trial leaves an ordinary run folder. The driver
(`runner.py`) reads the folders in order: what a study finds does not depend on how many run at
once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from luthier.environment import usable_cores
from luthier.errors import RunError
from luthier.recipe.tree import Recipe
from luthier.runs import RunFolder, to_yaml
from luthier.signals import listening
from luthier.studies.trial import Trial
from luthier.studies.workers import RAY, Workers


class Child(Protocol):
    """A run that was begun, as a process is asked."""

    returncode: int | None

    def poll(self) -> int | None:
        """Return the exit code, or None while it goes on."""
        ...

    def terminate(self) -> None:
        """Ask it to save itself and end."""
        ...

    def wait(self) -> int | None:
        """Wait until it has ended."""
        ...

    def said(self) -> str:
        """Return the error message of a job that failed."""
        ...


@dataclass(frozen=True)
class Command:
    """A command of Python that is given in another process.

    Args:
        words: What follows `python -m`; `RECIPE_FILE` among them stands for a file.
        place: What it writes: a folder or the beginning of names, of which the parent is there.
        recipe: What the file holds, in YAML.
    """

    words: tuple[str, ...]
    place: Path
    recipe: str | None = None

    def written(self, scratch: Path) -> list[str]:
        """Write the file into a folder, and name it among the words."""
        if self.recipe is None:
            return [*self.words]
        file = scratch / f"{self.place.name}.yaml"
        file.write_text(self.recipe, encoding="utf-8")
        return [str(file) if word == RECIPE_FILE else word for word in self.words]


Begin = Callable[[Command], Child]
RECIPE_FILE = "{recipe}"
LONGEST_WORDS = 500
TOLD = re.compile(  # an error as the command line prints it
    r"Error: (?P<problem>.+?)(?:\n  received: (?P<received>.+?))?(?:\n  fix: +(?P<fix>.+?))?\s*\Z",
    re.DOTALL,
)


class Jobs:
    """Trials that are run at once.

    Args:
        trials: Trials that are not finished, in their order, with their run folders.
        n: How many run at once.
        begin: Begins one.
    """

    def __init__(self, trials: Sequence[tuple[Trial, Path]], n: int, begin: Begin):
        self.n, self.begin = n, begin
        self.waiting = list(trials)
        self.begun: dict[Path, tuple[Recipe, Child]] = {}

    def was_given(self, place: Path) -> bool:
        """Return whether a trial is run here."""
        return place in self.begun or any(place == one for _, one in self.waiting)

    def finish(self, trial: Trial, place: Path) -> bool:
        """Wait until a trial is done, and begin others meanwhile.

        Returns:
            Whether it was run with the trial's recipe; else the caller runs it again.

        Raises:
            RunError: It failed.
        """
        while place not in self.begun:
            self.advance()
            time.sleep(0.05)
        recipe, child = self.begun[place]
        while child.poll() is None:
            self.advance()
            time.sleep(0.05)
        self.advance()
        if recipe != trial.recipe:  # an earlier trial failed, and left its baselines to this one
            shutil.rmtree(place, ignore_errors=True)
            return False
        if child.returncode:
            problem, received, hint = _reason(place, child)
            raise RunError(problem, received=received, hint=hint)
        return True

    def advance(self) -> None:
        """Begin as many trials as may run now."""
        running = sum(child.poll() is None for _, child in self.begun.values())
        while self.waiting and running < self.n:
            trial, place = self.waiting.pop(0)
            words = ("luthier", "run", RECIPE_FILE, "--quiet", "--out", str(place.absolute()))
            command = Command(words, place, to_yaml(trial.recipe))
            self.begun[place] = trial.recipe, self.begin(command)
            running += 1


class Process(subprocess.Popen[bytes]):
    """A process of this machine.

    Args:
        command: What it is told.
        threads: Threads that it computes with.
        scratch: A folder for the recipe and what it says.
    """

    def __init__(self, command: Command, *, threads: int, scratch: Path):
        self._words = scratch / f"{command.place.name}.txt"
        with self._words.open("wb") as words:
            super().__init__(
                [sys.executable, "-m", *command.written(scratch)],
                env={"OMP_NUM_THREADS": str(threads), **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                process_group=0 if os.name == "posix" else None,
            )

    def said(self) -> str:
        """Return the error message of a job that failed."""
        return self._words.read_text(encoding="utf-8", errors="replace")


def _reason(place: Path, child: Child) -> tuple[str, str | None, str | None]:
    """Give the problem, what was received, and the fix of a trial that failed."""
    with suppress(RunError, OSError):
        state = RunFolder(place).state()
        if state.get("reason"):
            return str(state["reason"]), None, state.get("hint")
    said = child.said()
    found = TOLD.search(said)
    if found is None:
        return "The run failed.", said.strip()[-LONGEST_WORDS:] or None, None
    return found["problem"].strip(), found["received"], found["fix"]


@contextmanager
def processes(workers: Workers) -> Iterator[tuple[Begin, int]]:
    """Give what begins a run in a process of this machine, and how many at once."""
    n = workers.n or 1
    threads = max(1, usable_cores() // n)
    with tempfile.TemporaryDirectory(prefix="luthier-jobs-") as scratch:
        yield partial(Process, threads=threads, scratch=Path(scratch)), n


@contextmanager
def elsewhere(workers: Workers) -> Iterator[tuple[Begin, int]]:
    """Give what begins a command in another process, and how many may run at once.

    When the block is left early, each command saves what it does and ends.
    """
    if workers.on == RAY:
        from luthier.studies.ray_jobs import ray_cluster

        place = ray_cluster(workers)
    else:
        place = processes(workers)
    children: list[Child] = []
    with place as (begin, n), listening():

        def begin_noted(command: Command) -> Child:
            children.append(begin(command))
            return children[-1]

        try:
            yield begin_noted, n
        finally:
            for one in children:
                if one.poll() is None:
                    one.terminate()
            for one in children:
                one.wait()


@contextmanager
def jobs_of(trials: Sequence[tuple[Trial, Path]], workers: Workers) -> Iterator[Jobs]:
    """Run trials at once while the block runs; when it is left early, each saves and ends."""
    with elsewhere(workers) as (begin, n):
        yield Jobs(trials, n, begin)
