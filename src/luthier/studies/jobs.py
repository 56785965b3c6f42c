"""Runs several trials of a study at once, each in a process of its own.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from luthier.environment import usable_cores
from luthier.errors import RunError
from luthier.recipe.tree import Recipe
from luthier.runs import RunFolder, to_yaml
from luthier.signals import listening
from luthier.studies.trial import Trial

Child = subprocess.Popen[bytes]
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
        scratch: A folder for recipes and what processes say.
    """

    def __init__(self, trials: Sequence[tuple[Trial, Path]], n: int, scratch: Path):
        self.n, self.scratch = n, scratch
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
            problem, received, hint = self._reason(place)
            raise RunError(problem, received=received, hint=hint)
        return True

    def advance(self) -> None:
        """Begin as many trials as may run now."""
        running = sum(child.poll() is None for _, child in self.begun.values())
        while self.waiting and running < self.n:
            trial, place = self.waiting.pop(0)
            self.begun[place] = trial.recipe, self._begin(trial, place)
            running += 1

    def _begin(self, trial: Trial, place: Path) -> Child:
        recipe = self.scratch / f"{trial.name}.yaml"
        recipe.write_text(to_yaml(trial.recipe), encoding="utf-8")
        command = [sys.executable, "-m", "luthier", "run", str(recipe), "--quiet"]
        threads = max(1, usable_cores() // self.n)
        with self._words(place).open("wb") as words:
            return subprocess.Popen(
                [*command, "--out", str(place.absolute())],
                env={"OMP_NUM_THREADS": str(threads), **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                process_group=0 if os.name == "posix" else None,
            )

    def _words(self, place: Path) -> Path:
        return self.scratch / f"{place.name}.txt"

    def _reason(self, place: Path) -> tuple[str, str | None, str | None]:
        """Give the problem, what was received, and the fix of a trial that failed."""
        with suppress(RunError, OSError):
            state = RunFolder(place).state()
            if state.get("reason"):
                return str(state["reason"]), None, state.get("hint")
        said = self._words(place).read_text(encoding="utf-8", errors="replace")
        found = TOLD.search(said)
        if found is None:
            return "The run failed.", said.strip()[-LONGEST_WORDS:] or None, None
        return found["problem"].strip(), found["received"], found["fix"]

    @property
    def children(self) -> list[Child]:
        """The processes that were begun."""
        return [child for _, child in self.begun.values()]


@contextmanager
def jobs_of(trials: Sequence[tuple[Trial, Path]], n: int) -> Iterator[Jobs]:
    """Run trials at once while the block runs; when it is left early, each saves and ends."""
    with tempfile.TemporaryDirectory(prefix="luthier-jobs-") as scratch, listening():
        made = Jobs(trials, n, Path(scratch))
        try:
            yield made
        finally:
            for one in made.children:
                if one.poll() is None:
                    one.terminate()
            for one in made.children:
                one.wait()
