"""Tries candidates one after another, and keeps what came of them, for the next attempt too."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from luthier.budget.candidates import Candidate
from luthier.budget.clock import Clock
from luthier.budget.watch import TooLongError, TrainedError, Watch
from luthier.errors import LuthierError, RunError
from luthier.metrics.names import lower_is_better
from luthier.pipeline import run
from luthier.recipe.tree import Recipe
from luthier.results import RunResult
from luthier.runs import RunFolder
from luthier.runs.files import write_whole
from luthier.studies.outcomes import validation_scores
from luthier.training.listeners import Listener

JOURNAL = "minutes.json"
TRAINING = "fine-tuning"
FITTING = (TRAINING, "features of", "fitting the head", "storing")


@dataclass(frozen=True)
class Tried:
    """What came of a candidate.

    Args:
        name: The candidate.
        passes: Passes over the training rows; 0 where only a head was fitted.
        score: Its validation score; None where it did not come to one.
        seconds: What it took.
        at: Seconds on the clock when it ended.
        cell: Name of its run folder.
        is_frozen: Whether only a head was fitted.
        pass_seconds: Seconds of one pass; None where it made none.
        why: Why it has no score.
    """

    name: str
    passes: float
    score: float | None
    seconds: float
    at: float
    cell: str
    is_frozen: bool = False
    pass_seconds: float | None = None
    why: str = ""


class Trials:
    """The candidates that were tried.

    Args:
        base: The recipe that they change.
        metric: The validation metric that they are chosen by.
        folder: The folder of the search.
        clock: The time.
        rows: Rows in memory, as for a run.
        listeners: Called with every step.
    """

    def __init__(
        self,
        base: Recipe,
        metric: str,
        folder: Path,
        clock: Clock,
        *,
        rows: Mapping[str, Any] | None = None,
        listeners: Sequence[Listener] = (),
    ):
        self.base, self.metric, self.folder, self.clock = base, metric, folder, clock
        self.rows, self.listeners = rows, listeners
        self.sign = -1.0 if lower_is_better(metric) else 1.0
        self.tried: list[Tried] = []
        self.reserve: dict[str, float] = {}  # seconds that judging takes, by what

    @property
    def scored(self) -> list[Tried]:
        """Those that have a score, the best first; of equal ones the earliest."""
        found = [one for one in self.tried if one.score is not None]
        return sorted(found, key=lambda one: -self.sign * (one.score or 0.0))

    @property
    def best(self) -> Tried | None:
        """The best so far."""
        return next(iter(self.scored), None)

    def of(self, name: str) -> list[Tried]:
        """List what was tried of a candidate."""
        return [one for one in self.tried if one.name == name]

    def recipe_of(self, tried: Tried) -> Recipe:
        """Return the recipe that was tried."""
        return RunFolder(self.place(tried)).recipe()

    def place(self, tried: Tried) -> Path:
        """Return the folder of its run."""
        return self.folder / "cells" / tried.cell

    def train(
        self,
        candidate: Candidate,
        *,
        until: float,
        passes: float | None = None,
        max_steps: int | None = None,
    ) -> Tried:
        """Train a candidate, and score it on the validation rows.

        Args:
            candidate: What to try.
            until: Seconds on the clock by which it must be trained.
            passes: Passes over the training rows; None: as its recipe says.
            max_steps: The run is judged after so many steps, whatever its recipe says; 0: after as
                many as that says; None: it is not judged.
        """
        recipe = self._recipe(candidate, passes, max_steps)
        passes = 0.0 if candidate.is_frozen else recipe.training.num_train_epochs
        what = "-probe" if max_steps else f"-{passes:g}" if passes else ""
        cell = re.sub(r"[^\w.-]+", "-", f"{candidate.name}{what}")
        watch = Watch(self.clock, until=until, judges=max_steps is not None)
        ended = Tried(candidate.name, passes, None, 0.0, 0.0, cell, candidate.is_frozen)
        place, score, why = self.place(ended), None, ""
        try:
            run(recipe, out=place, data=self.rows, listeners=[watch, *self.listeners])
            self._note_reserve(place)
        except TrainedError:
            pass
        except TooLongError as problem:
            why = problem.problem
        except LuthierError as problem:
            if max_steps is not None:
                raise  # nothing was tried before: the recipe or its rows are wrong
            why = problem.problem
        if not why:
            score = validation_scores(RunFolder(place)).get(self.metric)
            passes = passes and (watch.passes or passes)
        seconds, at = self.clock.spent - watch.started, self.clock.spent
        ended = replace(ended, seconds=seconds, at=at, passes=passes, score=score, why=why)
        ended = replace(ended, pass_seconds=watch.pass_seconds)
        self.tried.append(ended)
        self._drop_losers()
        self.keep()
        return ended

    def _recipe(self, candidate: Candidate, passes: float | None, max_steps: int | None) -> Recipe:
        recipe = candidate.recipe(self.base, epochs=passes)
        saved = recipe.training.model_copy(
            update={"max_steps": max_steps or recipe.training.max_steps}
            | ({"save_strategy": "auto"} if recipe.training.save_strategy == "no" else {})
        )
        return recipe.model_copy(update={"training": saved})

    def judge(self, tried: Tried) -> RunResult:
        """Judge what was trained on the test rows, beside the baselines."""
        place = self.place(tried)
        if RunFolder(place).reached == "finished":
            return read_result(place)
        recipe = self.recipe_of(tried)
        if self.clock.left < self.reserve.get("judging", 0.0):
            short = recipe.evaluation.model_copy(update={"explained_rows": 0})
            recipe = recipe.model_copy(update={"evaluation": short})
        return run(recipe, out=place, data=self.rows, listeners=self.listeners)

    def _note_reserve(self, place: Path) -> None:
        """Note what judging took in a run that was judged."""
        phases = (RunFolder(place).read_json("environment") or {}).get("phases", {})
        baselines = sum(one for name, one in phases.items() if name.startswith("baseline"))
        fitting = sum(one for name, one in phases.items() if name.startswith(FITTING))
        whole = sum(phases.values())
        self.reserve = {"baselines": baselines, "judging": whole - baselines - fitting}

    def _drop_losers(self) -> None:
        """Delete the weights of all but the best; what they scored is kept."""
        for one in self.tried:
            if one is not self.best:
                for name in ("checkpoints", "model", "adapter"):
                    shutil.rmtree(self.place(one) / name, ignore_errors=True)

    def keep(self, **more: Any) -> None:
        """Write down what is known, so that another attempt goes on from here."""
        about = {
            "minutes": self.clock.minutes,
            "recipe": self.base.model_dump(mode="json"),
            "spent": round(self.clock.spent, 1),
            "reserve": self.reserve,
            "tried": [asdict(one) for one in self.tried],
            **more,
        }
        write_whole(self.folder / JOURNAL, [json.dumps(about, indent=1) + "\n"])

    def read(self) -> float:
        """Read what an earlier attempt wrote down; return the seconds that it spent.

        Raises:
            RunError: It was of another recipe, or its journal is damaged.
        """
        path = self.folder / JOURNAL
        if not path.is_file():
            return 0.0
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            tried = [Tried(**one) for one in about["tried"]]
            spent, reserve = float(about["spent"]), dict(about["reserve"])
            recipe = about["recipe"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise RunError(
                "The journal of this search is damaged.",
                received=f"{path}: {str(problem)[:100]}",
                hint="--fresh starts another search",
            ) from problem
        if recipe != self.base.model_dump(mode="json"):
            raise RunError(
                "This search was begun with another recipe, and is unfinished.",
                received=str(self.folder),
                hint="--fresh starts another search, or undo the change",
            )
        self.tried, self.reserve = tried, reserve
        return spent


def read_result(place: Path) -> RunResult:
    """Read what a finished run came to."""
    run_folder = RunFolder(place).require_finished()
    found = {
        "folder": str(place),
        "scores": run_folder.read_json("scores"),
        "comparisons": run_folder.read_json("comparison")["comparisons"],
        "findings": run_folder.read_json("data")["findings"],
        "report": str(run_folder.report),
    }
    return TypeAdapter(RunResult).validate_python(found)
