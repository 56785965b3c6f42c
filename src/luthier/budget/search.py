"""Decides which candidates are tried, how long each, and judges the best of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace

from luthier.budget.candidates import (
    AS_WRITTEN,
    FEW,
    Candidate,
    frozen_candidates,
    tuned_candidates,
)
from luthier.budget.lengths import first_length, next_length
from luthier.budget.story import panel_of, sentences_of
from luthier.budget.trials import Trials, Tried
from luthier.errors import ModelError, RecipeError
from luthier.models.load import read_config
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.report.render import write_report
from luthier.results import RunResult
from luthier.runs import RunFolder
from luthier.runs.files import to_yaml, write_whole

PROBE_STEPS = 30  # of a first run that is judged where no head can be fitted on frozen features
MANY_ROWS = 1e9  # of each label, where there are no labels
MORE = 1.2  # by what factor judging may take longer than it did


class Search:
    """Decides what is tried next.

    Args:
        trials: What was tried, and tries.
        task: The recipe's task.
    """

    def __init__(self, trials: Trials, task: Task):
        self.trials, self.task, self.clock = trials, task, trials.clock
        self.remembers = not trials.tried  # whether this process has fitted the baselines

    @property
    def until(self) -> float:
        """Seconds on the clock by which trainings must end, so that the best can be judged."""
        reserve = self.trials.reserve
        seconds = reserve.get("judging", 0.0) + (
            0.0 if self.remembers else reserve.get("baselines", 0.0)
        )
        return self.clock.budget - MORE * seconds - 1.0

    def begin(self) -> None:
        """Run the cheapest candidate to its end: a result that stands, and what judging takes."""
        if not self.trials.tried:
            self._begin()
        self.per_class = labels_per_class(self.trials)
        if self.per_class <= FEW:
            self.fit_heads()

    def fit_heads(self) -> None:
        """Fit the heads on frozen features that were not yet fitted."""
        for candidate in frozen_candidates(self.trials.base, self.task, self.per_class):
            if not self.trials.of(candidate.name) and self.clock.spent < self.until:
                self._train(candidate)

    def _begin(self) -> None:
        base = self.trials.base
        tuned = tuned_candidates(base, self.task, per_class=MANY_ROWS, width=width_of(base))
        for candidate in [*frozen_candidates(base, self.task, MANY_ROWS), *tuned]:
            n_steps = 0 if candidate.is_frozen else PROBE_STEPS
            try:
                made = self.trials.train(candidate, until=self.clock.budget, max_steps=n_steps)
            except ModelError:
                if candidate is tuned[-1]:
                    raise
                continue  # a model whose head has no single vector to read, say
            if made.why:
                raise too_short(self.clock.minutes, made)
            return

    def tune(self) -> None:
        """Train the model by each candidate once, the best for longer; then fit other heads."""
        base = self.trials.base
        candidates = tuned_candidates(
            base, self.task, per_class=self.per_class, width=width_of(base)
        )
        for candidate in candidates:
            if any(one.passes >= 0.2 and not one.why for one in self.tuned(candidate)):
                continue
            affordable = self.affordable(candidate)
            if candidate.name == AS_WRITTEN:
                if affordable >= base.training.num_train_epochs:
                    self._train(candidate)
            elif (passes := first_length(affordable)) and passes >= self.comparable:
                self._train(candidate, passes)
        self._lengthen({one.name: one for one in candidates})
        self.fit_heads()

    @property
    def comparable(self) -> float:
        """The passes below which a first try says little beside what was trained already."""
        known = [one.passes for one in self.trials.scored if one.cell != self.first.cell]
        return max(known, default=0.0) / 2

    def tuned(self, candidate: Candidate) -> list[Tried]:
        """List what was tried of a candidate beyond the probe of the first run."""
        return [one for one in self.trials.of(candidate.name) if one.cell != self.first.cell]

    @property
    def first(self) -> Tried:
        """The run that was judged first."""
        return self.trials.tried[0]

    def _lengthen(self, candidates: Mapping[str, Candidate]) -> None:
        """Train the best candidates for longer, while that helps and the time is enough."""
        waits = {
            name: max(tried, key=lambda one: one.passes)
            for name in candidates
            if (tried := [one for one in self.trials.of(name) if one.score is not None])
        }
        while waits:
            last = min(waits.values(), key=lambda one: -self.trials.sign * (one.score or 0.0))
            candidate = candidates[last.name]
            passes = next_length(last.passes, self.affordable(candidate))
            if passes is None or candidate.name not in waits:
                del waits[last.name]
                continue
            grown = self._train(candidate, passes)
            sign = self.trials.sign
            if grown.score is not None and sign * grown.score > sign * (last.score or 0.0):
                waits[last.name] = grown
            else:
                del waits[last.name]

    def affordable(self, candidate: Candidate) -> float:
        """Return how many passes of a candidate the time left is enough for."""
        own = [one.pass_seconds for one in self.trials.of(candidate.name) if one.pass_seconds]
        others = [one for one in self.trials.tried if one.pass_seconds and not one.is_frozen]
        if own:
            seconds = own[-1]
        elif others:
            seconds = max(one.pass_seconds or 0.0 for one in others) * candidate.cost
        else:
            seconds = self.first.seconds  # its features took a third of a pass, and more
        return max(0.0, self.until - self.clock.spent - self.overhead) / max(seconds, 1e-3)

    @property
    def overhead(self) -> float:
        """Seconds of a trial beside its training: rows are read, the model is loaded."""
        known = [
            one.seconds - one.pass_seconds * one.passes
            for one in self.trials.tried
            if one.pass_seconds and one.passes and one.cell != self.first.cell
        ]
        return max(0.0, min(known)) if known else 3.0

    def _train(self, candidate: Candidate, passes: float | None = None) -> Tried:
        words = f" for {passes:g} passes" if passes else ""
        left = max(0.0, self.clock.left)
        self.say(f"trying {candidate.name}{words}; {left / 60:.1f} minutes left")
        tried = self.trials.train(candidate, until=self.until, passes=passes)
        score = "" if tried.score is None else f"{self.trials.metric} {tried.score:.3f}"
        self.say(f"{candidate.name}{words}: {score or tried.why}")
        return tried

    def say(self, message: str) -> None:
        """Tell every listener something."""
        for listener in self.trials.listeners:
            listener(StepInfo("search", 0, 0, message=message))

    def end(self) -> RunResult:
        """Judge the best, and tell of the search in its report."""
        best = self.trials.best
        if best is None:
            raise too_short(self.clock.minutes, self.first)
        self.say(f"judging {best.name}")
        folder, place = self.trials.folder, self.trials.place(best)
        result = self.trials.judge(best)
        place.rename(folder / "best")
        chosen = RunFolder(folder / "best")
        write_whole(folder / "recipe.yaml", [to_yaml(chosen.recipe())])
        chosen.add_panels([panel_of(self.trials, best)])
        report = write_report(chosen.path)
        self.trials.keep(best=best.cell)
        for cell in (folder / "cells").glob("*/model"):
            shutil.rmtree(cell, ignore_errors=True)
        told = (*result.told, *sentences_of(self.trials, best))
        return replace(result, folder=str(chosen.path), report=str(report), told=told)


def too_short(minutes: float, tried: Tried) -> RecipeError:
    """Make the error of a budget in which nothing could be tried."""
    return RecipeError(
        "The minutes do not suffice for the cheapest candidate.",
        received=f"--minutes {minutes:g}; {tried.name}: {tried.why or 'no score'}",
        hint="more minutes, or fewer rows: data.limit.train=1000 data.limit.test=1000",
    )


def width_of(base: Recipe) -> int:
    """Return the width of the recipe's model."""
    source = base.model.model_dump(include={"revision", "ignore_unsafe_files"})
    config = read_config(base.model.name, **source)
    return int(getattr(config, "hidden_size", 0) or getattr(config, "d_model", 0) or 768)


def labels_per_class(trials: Trials) -> float:
    """Return how many training rows a label has on average."""
    data = RunFolder(trials.place(trials.tried[0])).read_json("data") or {}
    counts = data.get("splits", {}).get("train", {}).get("labels") or {}
    return sum(counts.values()) / len(counts) if counts else MANY_ROWS
