"""The commands that run many recipes: `ladder` and `seeds`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.visible import visible
from luthier.errors import RecipeError

Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a .yaml file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SECTION.FIELD=VALUE", help="Changes to the recipe.", show_default=False
    ),
]
Keep = Annotated[
    bool, typer.Option("--keep-models", help="Keep the weights that every cell trained.")
]
Out = Annotated[Path | None, typer.Option(help="Folder of the study; an unfinished one goes on.")]
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
    seeds: Annotated[int, typer.Option(min=1, help="Draws and trainings of every cell.")] = 5,
    min_steps: Annotated[
        int, typer.Option(min=0, help="Optimizer steps that every training has at least.")
    ] = 100,
    out: Out = None,
    keep_models: Keep = False,
    quiet: Quiet = False,
) -> None:
    """Find out which method is best with how many labels: a learning curve for each."""
    from luthier.recipe.load import read_recipe
    from luthier.studies.ladder import ladder as lay_out
    from luthier.studies.ladder import parse_shots

    levels = parse_shots(shots)
    named = methods and [name.strip() for name in methods.split(",") if name.strip()]
    made = read_recipe(recipe, overrides or ())
    print("checking the data")
    cells, notes = lay_out(
        made, methods=named, shots=levels, seeds=range(seeds), min_steps=min_steps
    )
    arms = dict.fromkeys(cell.arm for cell in cells)
    per_class = any(cell.recipe.data.shots is not None for cell in cells)
    unit = "labels a class" if per_class or levels == ["full"] else "rows"
    folder = out or Path("runs") / f"{recipe.stem}-ladder"
    _study(
        f"{recipe.stem}: {', '.join(arms)}", cells, notes, folder, unit, keep_models, quiet=quiet
    )


def seeds(
    recipe: Recipe,
    overrides: Overrides = None,
    n_seeds: Annotated[int, typer.Option("--seeds", min=2, help="Trainings of the recipe.")] = 5,
    against: Annotated[
        Path | None, typer.Option(help="Another recipe, to see which is better.")
    ] = None,
    out: Out = None,
    keep_models: Keep = False,
    quiet: Quiet = False,
) -> None:
    """Train a recipe with several seeds: how far its score is luck, and is another one better?"""
    from luthier.recipe.load import read_recipe
    from luthier.studies.seeds import seeds as lay_out

    arms: dict[str, Any] = {recipe.stem: read_recipe(recipe, overrides or ())}
    if against is not None:
        if against.stem in arms:
            raise RecipeError(
                "The two recipes need names of their own.",
                received=f"{recipe} and {against}",
                hint="rename one of the files",
            )
        arms[against.stem] = read_recipe(against, overrides or ())
    cells, notes = lay_out(arms, seeds=range(n_seeds))
    folder = out or Path("runs") / f"{recipe.stem}-seeds"
    _study(" against ".join(arms), cells, notes, folder, "", keep_models, quiet=quiet)


def _study(
    name: str,
    cells: Sequence[Any],
    notes: Sequence[str],
    folder: Path,
    unit: str,
    keep_models: bool,
    *,
    quiet: bool,
) -> None:
    """Run the cells, sum them up, and write and print what came out."""
    from luthier.cli.progress import watching
    from luthier.cli.show import show_study
    from luthier.recipe.checks import make_plugin
    from luthier.report.study import write_study
    from luthier.runs.files import write_whole
    from luthier.studies.grid import run_cells
    from luthier.studies.results import as_document, sum_up

    recipe = cells[0].recipe
    metric = make_plugin("tasks", recipe.task).main_metric
    tell = Teller(metric)
    with watching(quiet=quiet) as listener:
        outcomes, failures = run_cells(
            cells, folder, metric=metric, keep_models=keep_models, tell=tell, listeners=[listener]
        )
    results = sum_up(
        name,
        outcomes,
        failures,
        metric=metric,
        confidence=recipe.evaluation.confidence,
        unit=unit,
        notes=notes,
    )
    document = as_document(results)
    write_whole(folder / "study.json", [json.dumps(document, ensure_ascii=False, indent=1) + "\n"])
    page = write_study(folder, document)
    show_study(results)
    print(f"Report: {page}")
    if not outcomes:
        raise typer.Exit(2)


class Teller:
    """Say which cell is run, what it came to, and how long the rest will take."""

    def __init__(self, metric: str):
        self.metric = metric
        self.begun = time.monotonic()
        self.cell_begun = self.begun
        self.n_run = 0

    def __call__(self, number: int, n_cells: int, cell: Any, found: Any) -> None:
        """Take news of a cell: None before it is run."""
        if found is None:
            self.cell_begun = time.monotonic()
            return
        spent = time.monotonic() - self.cell_begun
        self.n_run += spent > 1
        if (reason := getattr(found, "reason", None)) is not None:
            said = f"could not be run: {reason}"
        else:
            said = f"{self.metric} {found[0].values[self.metric]:.4f}"
        left = ""
        if self.n_run and number < n_cells:
            seconds = (time.monotonic() - self.begun) / self.n_run * (n_cells - number)
            left = f", about {seconds / 60:.0f} min left"
        print(
            visible(f"[{number}/{n_cells}] {cell.folder}: {said} ({spent:.0f} s{left})"),
            flush=True,
        )
