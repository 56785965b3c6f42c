"""`luthier run`: from a recipe or a data file to a report; `--minutes`: the best they buy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier import process, ranks
from luthier.cli.init import recipe_for
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    from luthier.recipe.tree import Recipe

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SECTION.FIELD=VALUE",
        help="Overrides of the recipe, such as training.seed=1 or method=lora.",
        show_default=False,
    ),
]


def run(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE|DATA",
            help="A recipe (.yaml); or a data file or folder, for which one is written first.",
        ),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the run; default: one in runs/.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start again; by default, an unfinished run is resumed.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Find the best model that so many minutes buy, the report included.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fit no baseline that is a training of its own.")
    ] = False,
    processes: Annotated[
        int,
        typer.Option(min=1, help="Processes of this machine that train together, such as GPUs."),
    ] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Fine-tune a model, compare it with baselines and write a report; resume an unfinished run.

    Of a data file or folder, the recipe is guessed as by `luthier init`, written, and run.
    """
    from luthier.recipe.load import read_recipe

    refuse_together(minutes, processes)
    recipe = recipe_for(recipe, overrides or ())
    if not ranks.is_first():
        from luthier.pipeline import run as follow_run

        follow_run(recipe, overrides or (), out=out, name=recipe.stem, fresh=fresh, quick=quick)
        return
    made = read_recipe(recipe, overrides or ())
    is_launched = processes == 1 or ranks.n_processes() > 1
    if not quiet and is_launched:  # the libraries take seconds to load
        print(visible(f"{made.task.name} from {recipe}: loading …"), file=sys.stderr, flush=True)
    refuse_missing_files(made)
    if not is_launched:
        from luthier.launch import run_together

        raise typer.Exit(run_together(sys.argv[1:], processes))
    from luthier.cli.progress import watching
    from luthier.cli.show import show_result
    from luthier.runs import RunFolder

    with watching(quiet=quiet, metric=metric_to_follow(made)) as listener:
        if minutes is None:
            with process.importing():
                from luthier.pipeline import run as run_recipe

            result = run_recipe(
                made, out=out, name=recipe.stem, fresh=fresh, quick=quick, listeners=[listener]
            )
        else:
            from luthier.budget.run_within import run_within

            result = run_within(
                made,
                minutes=minutes,
                out=out,
                name=recipe.stem,
                fresh=fresh,
                spent=process.age(),
                listeners=[listener],
            )
    verdict = RunFolder(result.folder).read_json("comparison")
    show_result(result, verdict["main_metric"], confidence=verdict["confidence"])


def refuse_together(minutes: float | None, processes: int) -> None:
    """Refuse a search within minutes by several processes.

    Raises:
        RecipeError: Both are asked for.
    """
    n_processes = max(processes, ranks.n_processes())
    if minutes is not None and n_processes > 1:
        raise RecipeError(
            "A search within minutes is made by one process.",
            received=f"--minutes {minutes:g} with {n_processes} processes",
            hint="leave out --processes, or --minutes",
        )


def refuse_missing_files(made: Recipe) -> None:
    """Refuse a recipe whose files are not there, before the libraries are loaded.

    Raises:
        DataError: A file is missing.
    """
    from luthier.data.readers.find_files import refuse_missing

    data = made.data
    beside: list[str | list[str] | None] = [*made.evaluation.also.values()]
    beside += [data.replay.files] if data.replay else []
    beside += [data.row_weights.towards] if data.row_weights else []
    for source in (data.train, data.validation, data.test, data.unlabelled, *beside):
        refuse_missing(source, made.data.format)


def metric_to_follow(recipe: Recipe) -> str:
    """Return the validation metric that progress shows: the one that selects the best weights."""
    from luthier.registry import find

    task = find("tasks", recipe.task.name)
    followed = recipe.training.metric_for_best_model
    return str(followed or task(task.Options(**recipe.task.options)).validation_metric)
