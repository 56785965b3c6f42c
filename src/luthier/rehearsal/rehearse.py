"""Which rows next? Query strategies played on rows whose labels are known, against random."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from luthier.arguments import Count, Names, Overrides, checked
from luthier.build_problem import make_codec
from luthier.errors import RecipeError
from luthier.labelling.orders import FIRST, FROZEN
from luthier.load_splits import check_data
from luthier.models_of_rows import FrozenModel, RecipeModel
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.registry import find, names
from luthier.rehearsal.compared import RANDOM, Against, against_random, sentences_of
from luthier.rehearsal.play import Played, Stage
from luthier.rehearsal.plays import OnBatch, Plays, about_of
from luthier.report.rehearsal import write_rehearsal
from luthier.runs import plain
from luthier.runs.files import write_whole
from luthier.runs.places import making
from luthier.studies.plan import name_of
from luthier.studies.statistics import Estimate, estimate
from luthier.training.listeners import Listener

BY = ("margin", "badge")  # strategies that are played where none are named
KINDS = frozenset({"single-label", "multi-label", "tags"})
MOST_ROWS = 3000  # of a pool


@dataclass(frozen=True)
class Step:
    """The score of a strategy with so many labels: over seeds."""

    by: str
    n_labelled: int
    score: Estimate


@dataclass(frozen=True)
class Rehearsal:
    """Which strategy, if any, beats random.

    Args:
        name: The name of the recipe.
        metric: The metric of the scores.
        confidence: Level of the intervals.
        steps: The score of every strategy after every batch.
        compared: Each strategy against random.
        sentences: The same in words.
        notes: The protocol in words.
        n_pool: Rows of a pool, whose labels were hidden.
        n_test: The number of test rows.
        seeds: The seeds of pools and draws.
        folder: Where it is kept.
    """

    name: str
    metric: str
    confidence: float
    steps: tuple[Step, ...]
    compared: tuple[Against, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    n_pool: int
    n_test: int
    seeds: tuple[int, ...]
    folder: str

    @property
    def report(self) -> str:
        """Path of the page with all of this."""
        return str(Path(self.folder) / "report.html")


@checked
def rehearse(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    by: Names = BY,
    batch: Count = 20,
    rounds: Count = 14,
    n_seeds: Count = 5,
    method: Literal["frozen", "recipe"] = "frozen",
    out: str | Path | None = None,
    name: str | None = None,
    on_batch: OnBatch | None = None,
    listeners: Sequence[Listener] = (),
) -> Rehearsal:
    """Find out which query strategy, if any, beats random, on rows whose labels are known.

    The labels of the training rows are hidden, and each strategy asks for them batch by batch. The
    first batch is the same for all. An unfinished rehearsal in the same folder is resumed.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe.
        by: Names of query strategies; random is always played.
        batch: How many rows are asked for at once.
        rounds: How many batches follow the first.
        n_seeds: How often each strategy is played, on other pools and with other draws.
        method: What is trained after each batch: "frozen", a linear head on the pre-trained model,
            in seconds; or "recipe", the method of the recipe.
        out: The folder of the rehearsal; None makes it `runs/NAME-rehearsal`.
        name: What to call it; None takes the name of the recipe's file.
        on_batch: Called with (strategy, seed, number of batches done, of how many, score or None)
            after each batch, and with the last score once a play is finished.
        listeners: Called with every `StepInfo` of the models, for progress bars and the like.

    Returns:
        Every strategy compared with random, and a verdict in `sentences`; `report` is its page.

    Raises:
        RecipeError: A strategy is unknown or cannot choose for the task, or asks for too much.
        DataError: The data cannot be trained on.
        RunError: The folder holds another rehearsal.
        Interrupted: By Ctrl-C. The same call resumes it.

    Example:
        found = luthier.rehearse("recipe.yaml", by=["margin", "badge"])
        print(found.sentences, found.report)
    """
    name = name or name_of(recipe)
    base = read_recipe(recipe, overrides)
    task: Task = make_plugin("tasks", base.task)
    strategies = strategies_of(by, task)
    refuse_luck(n_seeds)
    found = check_data(base, task)
    refuse_errors(found.findings, base.data.ignore_findings)
    train, test = found.splits.train, found.splits.test
    n_pool = min(MOST_ROWS, len(train))
    refuse_too_much(batch, rounds, n_pool)
    folder = Path(out or Path("runs") / f"{name}-rehearsal")
    with making(folder):
        (folder / "plays").mkdir(parents=True, exist_ok=True)
    about = about_of(base, train, test, {"batch": batch, "rounds": rounds, "method": method})
    plays = Plays(
        folder / "plays", about, lambda: stage_of(base, task, train, test, listeners, about)
    )
    done: dict[str, list[Played]] = {one: [] for one in strategies}
    for seed in range(n_seeds):
        for one in strategies:
            done[one].append(plays.play(one, seed, on_batch or (lambda *news: None)))
    sizes = {"n_test": len(test), "n_pool": n_pool}
    result = sum_up(base, done, name=name, about=about, folder=folder, **sizes)
    keep(result, folder)
    return result


def keep(result: Rehearsal, folder: Path) -> None:
    """Write what came of it as JSON and as a page."""
    document = {key: value for key, value in plain(result).items() if key != "folder"}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / "rehearsal.json", [text])
    write_rehearsal(folder, document)


def refuse_luck(n_seeds: int) -> None:
    """Refuse one seed, of which nobody knows what is luck."""
    if n_seeds < 2:
        raise RecipeError(
            "One seed says nothing of what is luck.", received="1 seed", hint="--seeds 5"
        )


def strategies_of(by: Sequence[str], task: Task) -> list[str]:
    """Check the names of strategies; random comes first.

    Raises:
        RecipeError: One is unknown, or cannot choose for the task.
    """
    if task.kind not in KINDS:
        raise RecipeError(
            f"{task.name} cannot be rehearsed: its answers are no labels.",
            received=f"a target of kind {task.kind}",
            hint="a task of classification or with tags on words",
        )
    for one in by:
        if task.kind not in find("queries", one).kinds:
            able = [
                other for other in names("queries") if task.kind in find("queries", other).kinds
            ]
            raise RecipeError(
                f"'{one}' cannot choose rows of {task.name}.",
                received=f"--by {','.join(by)}",
                hint=f"one of: {', '.join(able)}",
            )
    chosen = [*dict.fromkeys([RANDOM, *by])]
    if len(chosen) < 2:
        raise RecipeError(
            "There is no strategy to compare with random.",
            received=f"--by {','.join(by)}" if by else "none",
            hint=f"--by {','.join(BY)}",
        )
    return chosen


def refuse_too_much(batch: int, rounds: int, n_pool: int) -> None:
    """Raise where strategies would end with more than half of the pool: much the same rows."""
    n_labels = batch * (rounds + 1)
    if 2 * n_labels <= n_pool:
        return
    most = n_pool // (2 * batch) - 1
    raise RecipeError(
        "A rehearsal asks for half of the training rows at most: with all, strategies end alike.",
        received=f"{rounds + 1} batches of {batch} of {n_pool} rows",
        hint=f"--rounds {most}" if most >= 2 else f"--batch {max(1, n_pool // 12)} --rounds 5",
    )


def stage_of(
    recipe: Recipe,
    task: Task,
    train: Rows,
    test: Rows,
    listeners: Sequence[Listener],
    about: Mapping[str, Any],
) -> Stage:
    """Load the model, and compute what it makes of every row."""

    def listen(info: Any) -> None:
        for listener in listeners:
            listener(info)

    codec = make_codec(recipe, task, task.learn_target(train))
    frozen = FrozenModel(recipe, codec, listen)
    is_frozen = about["method"] == FROZEN
    trained = frozen if is_frozen else RecipeModel(recipe, codec, listen)
    sizes = {"batch": about["batch"], "rounds": about["rounds"], "most": MOST_ROWS}
    return Stage(codec, train, test, frozen, trained, **sizes)


def sum_up(
    recipe: Recipe,
    done: Mapping[str, Sequence[Played]],
    *,
    name: str,
    about: Mapping[str, Any],
    n_test: int,
    n_pool: int,
    folder: Path,
) -> Rehearsal:
    """Compare the strategies."""
    metric = make_plugin("tasks", recipe.task).main_metric
    confidence = recipe.evaluation.confidence
    compared = against_random(done, metric, confidence=confidence)
    steps = tuple(steps_of(done, confidence))
    n_labels = steps[-1].n_labelled
    how = (
        "a linear head on the frozen model" if about["method"] == FROZEN else "the recipe's method"
    )
    notes = (
        f"Pool: {n_pool} training rows, whose labels are hidden until they are asked for.",
        f"The first {about['batch']} rows are chosen by {FIRST}, the same for all strategies of a "
        f"seed; then {about['rounds']} batches of {about['batch']}; no near-copies in a batch.",
        f"After each batch {how} is trained anew and scored on the same {n_test} test rows.",
        "Differences are of the mean score over all batches after the first, paired by seed; "
        "p-values are corrected for the number of strategies (Holm). Labels saved are counted on "
        "mean curves; their interval resamples seeds.",
    )
    return Rehearsal(
        name=name,
        metric=metric,
        confidence=confidence,
        steps=steps,
        compared=tuple(compared),
        sentences=tuple(sentences_of(compared, metric, n_labels)),
        notes=notes,
        n_pool=n_pool,
        n_test=n_test,
        seeds=tuple(one.seed for one in done[RANDOM]),
        folder=str(folder),
    )


def steps_of(done: Mapping[str, Sequence[Played]], confidence: float) -> Iterator[Step]:
    """Estimate the score of every strategy after every batch."""
    for by, plays in done.items():
        for number in range(len(plays[0].values)):
            values = np.array([one.values[number] for one in plays])
            drawn = np.stack([one.resampled[number] for one in plays])
            n_labelled = int(np.median([one.n_labelled[number] for one in plays]))
            yield Step(by, n_labelled, estimate(values, drawn, confidence=confidence))
