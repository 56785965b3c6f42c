"""The commands that run many recipes: `ladder`, `seeds` and `ablate`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from luthier.cli.tables import JsonOption, Layout, LayoutOption, chosen
from luthier.cli.visible import visible
from luthier.errors import RecipeError
from luthier.studies.workers import PROCESSES, Workers

if TYPE_CHECKING:
    from luthier.studies.results import Results
    from luthier.studies.trial import Outcome, Study, Trial

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a .yaml file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SECTION.FIELD=VALUE", help="Changes to the recipe.", show_default=False
    ),
]
Keep = Annotated[
    bool, typer.Option("--keep-models", help="Keep the weights that every run trained.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the study; an unfinished one is resumed.")
]
Runs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Runs that are made at once; on Ray, as many as fit."),
]
On = Annotated[str, typer.Option("--on", help="processes of this machine, or ray: a Ray cluster.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress of single steps.")]


def ladder(
    recipe: Recipe,
    overrides: Overrides = None,
    methods: Annotated[
        str | None, typer.Option(help="Methods to compare, with commas between; else the usual.")
    ] = None,
    shots: Annotated[
        str, typer.Option(help="Labels a class: numbers, and full for all.")
    ] = "4,8,16,64,full",
    seeds: Annotated[int, typer.Option(min=1, help="Draws and trainings of every method.")] = 5,
    min_steps: Annotated[
        int, typer.Option(min=0, help="Optimizer steps that every training has at least.")
    ] = 100,
    out: Out = None,
    keep_models: Keep = False,
    jobs: Runs = None,
    on: On = PROCESSES,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which method is best with how many labels: a learning curve for each."""
    from luthier.cli.progress import watching
    from luthier.recipe.load import read_recipe
    from luthier.studies.ladder import ladder as run_ladder
    from luthier.studies.ladder import parse_shots

    asked = chosen(layout, as_json=as_json)
    levels = parse_shots(shots.split(","))
    named = None if methods is None else listed(methods)
    made = read_recipe(recipe, overrides or ())
    print("checking the data", file=beside(asked))
    with watching(quiet=quiet) as listener:
        results = run_ladder(
            made,
            methods=named,
            shots=levels,
            n_seeds=seeds,
            min_steps=min_steps,
            out=out,
            name=recipe.stem,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    _show(results, asked)


def seeds(
    recipe: Recipe,
    overrides: Overrides = None,
    n_seeds: Annotated[int, typer.Option("--seeds", min=2, help="Trainings of the recipe.")] = 5,
    against: Annotated[
        Path | None, typer.Option(help="Another recipe, to see which is better.")
    ] = None,
    out: Out = None,
    keep_models: Keep = False,
    jobs: Runs = None,
    on: On = PROCESSES,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe with several seeds: how far its score is luck, and is another one better?"""
    from luthier.cli.progress import watching
    from luthier.studies.seeds import seeds as run_seeds

    asked = chosen(layout, as_json=as_json)
    with watching(quiet=quiet) as listener:
        results = run_seeds(
            recipe,
            overrides or (),
            n_seeds=n_seeds,
            against=against,
            out=out,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    _show(results, asked)


def ablate(
    recipe: Recipe,
    overrides: Overrides = None,
    add: Annotated[
        str | None,
        typer.Option(help="Regularisers to try, or section.field=value, with commas between."),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(help="What to leave out: regularisers, label-smoothing, weight-decay …"),
    ] = None,
    n_seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings of every arm.")] = 5,
    shots: Annotated[
        str | None, typer.Option(help="Labels a class: numbers, and full; default: all rows.")
    ] = None,
    out: Out = None,
    keep_models: Keep = False,
    jobs: Runs = None,
    on: On = PROCESSES,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which change of a recipe helps on your data: each alone, with the same seeds."""
    from luthier.cli.progress import watching
    from luthier.studies.ablate import ablate as run_ablation

    asked = chosen(layout, as_json=as_json)
    with watching(quiet=quiet) as listener:
        results = run_ablation(
            recipe,
            overrides or (),
            add=listed(add),
            drop=listed(drop),
            shots=None if shots is None else shots.split(","),
            n_seeds=n_seeds,
            out=out,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    _show(results, asked)


def modalities(
    recipe: Recipe,
    overrides: Overrides = None,
    n_seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings of every arm.")] = 5,
    out: Out = None,
    keep_models: Keep = False,
    jobs: Runs = None,
    on: On = PROCESSES,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which inputs of a multimodal recipe add something, by leaving each out."""
    from luthier.cli.progress import watching
    from luthier.studies.modalities import modalities as run_modalities

    asked = chosen(layout, as_json=as_json)
    with watching(quiet=quiet) as listener:
        results = run_modalities(
            recipe,
            overrides or (),
            n_seeds=n_seeds,
            out=out,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    _show(results, asked)


def listed(words: str | None) -> list[str]:
    """Take words apart that have commas between."""
    return [word for one in (words or "").split(",") if (word := one.strip())]


def numbers(words: str | None, option: str) -> list[int] | None:
    """Read whole numbers that have commas between; None where nothing is said.

    Raises:
        RecipeError: One of them is none.
    """
    if words is None:
        return None
    found = listed(words)
    if not found or not all(word.isdecimal() for word in found):
        raise RecipeError(
            "Numbers of labels are whole numbers.",
            received=f"{option} {words}",
            hint=f"such as {option} 1000,2000",
        )
    return [int(word) for word in found]


def beside(layout: Layout) -> TextIO:
    """Return the stream for what is said beside the results: where they are for a program alone."""
    return sys.stdout if layout is Layout.TABLE else sys.stderr


def _show(results: Results, layout: Layout) -> None:
    """Print what a study found; leave with 2 where none of its runs finished."""
    from luthier.cli.show import show_study
    from luthier.studies.results import as_document

    places = {"folder": results.folder, "report": results.report}
    show_study(results, layout=layout, record=as_document(results) | places)
    print(visible(f"Report: {results.report}"), file=beside(layout))
    if not results.lines:
        raise typer.Exit(2)


class Teller:
    """Say which trial is run, what it came to, and how long the rest will take.

    Args:
        stream: Where that is printed.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.begun = self.trial_begun = time.monotonic()
        self.n_run = 0

    def __call__(self, study: Study, number: int, trial: Trial, outcome: Outcome | None) -> None:
        """Take news of a trial: no outcome before it is run."""
        if outcome is None:
            self.trial_begun = time.monotonic()
            return
        spent = time.monotonic() - self.trial_begun
        self.n_run += spent > 1
        if outcome.failure is not None:
            said = f"could not be run: {outcome.failure.reason}"
        else:
            said = f"{study.metric} {outcome.test[study.metric].value:.4f}"
        left, count = "", f"{number}"
        if study.n_trials is not None:
            count = f"{number}/{study.n_trials}"
            if self.n_run and number < study.n_trials:
                seconds = (time.monotonic() - self.begun) / self.n_run * (study.n_trials - number)
                left = f", about {seconds / 60:.0f} min left"
        news = f"[{count}] {trial.name}: {said} ({spent:.0f} s{left})"
        print(visible(news), file=self.stream, flush=True)
