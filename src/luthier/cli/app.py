"""The command `luthier`: parse, call, print. Heavy imports are inside the commands that need them.

init ─► inspect ─► run ─► report, predict, explain, evaluate, compare, export, serve
runs, list, schema
ladder, seeds, ablate, modalities: studies of many runs (`studies.py`)
folds, soup, interpolate: many models as one         forecast: what more labels would bring
rehearse: which rows to label next      agree: several annotators
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import luthier
from luthier import ranks
from luthier.cli import studies
from luthier.cli.agree import agree
from luthier.cli.compare import compare
from luthier.cli.convert import convert
from luthier.cli.distance import distance
from luthier.cli.explain import explain
from luthier.cli.export import export
from luthier.cli.failures import (
    Commands,
    accept_any_console,
    refuse_undecoded_arguments,
    tell_bug,
)
from luthier.cli.folds import folds
from luthier.cli.forecast import forecast
from luthier.cli.init import init, recipe_for
from luthier.cli.inspect import inspect
from luthier.cli.interpolate import interpolate
from luthier.cli.label import label
from luthier.cli.predict import RunArgument, precision_of, predict
from luthier.cli.push import push
from luthier.cli.rehearse import rehearse
from luthier.cli.runs import runs
from luthier.cli.serve import serve
from luthier.cli.soup import soup
from luthier.cli.tables import JsonOption, print_json, print_table
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    from luthier.recipe.tree import Recipe

app = typer.Typer(
    cls=Commands,
    name="luthier",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fine-tune a pre-trained language model in one command, and measure what that gained.",
    epilog="Start with:  luthier init DATA.csv   then:  luthier run recipe.yaml",
)
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SECTION.FIELD=VALUE",
        help="Overrides of the recipe, such as training.seed=1 or method=lora.",
        show_default=False,
    ),
]


def main() -> None:
    """Run the command line; a bug is reported in one line, with its traceback in a file."""
    accept_any_console()
    refuse_undecoded_arguments()
    sys.excepthook = tell_bug
    typer.main.get_command(app)(prog_name="luthier")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"luthier {luthier.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of `luthier` itself."""


@app.command()
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

    recipe = recipe_for(recipe, overrides or ())

    if not ranks.is_first():
        from luthier.pipeline import run as follow_run

        follow_run(recipe, overrides or (), out=out, name=recipe.stem, fresh=fresh, quick=quick)
        return
    made = read_recipe(recipe, overrides or ())
    is_launched = processes == 1 or ranks.n_processes() > 1
    if not quiet and is_launched:  # the libraries take seconds to load
        print(visible(f"{made.task.name} from {recipe}: loading …"), file=sys.stderr, flush=True)
    from luthier.data.readers.find_files import refuse_missing

    data = made.data
    beside: list[str | list[str] | None] = [*made.evaluation.also.values()]
    beside += [data.replay.files] if data.replay else []
    beside += [data.row_weights.towards] if data.row_weights else []
    for source in (data.train, data.validation, data.test, data.unlabelled, *beside):
        refuse_missing(source, made.data.format)
    if not is_launched:
        from luthier.launch import run_together

        raise typer.Exit(run_together(sys.argv[1:], processes))
    from luthier.cli.progress import watching
    from luthier.cli.show import show_result
    from luthier.pipeline import run as run_recipe
    from luthier.runs import RunFolder

    with watching(quiet=quiet, metric=_metric_to_follow(made)) as listener:
        result = run_recipe(
            made, out=out, name=recipe.stem, fresh=fresh, quick=quick, listeners=[listener]
        )
    verdict = RunFolder(result.folder).read_json("comparison")
    show_result(result, verdict["main_metric"], confidence=verdict["confidence"])


def _metric_to_follow(recipe: Recipe) -> str:
    """Return the validation metric that progress shows: the one that selects the best weights."""
    from luthier.registry import find

    task = find("tasks", recipe.task.name)
    followed = recipe.training.metric_for_best_model
    return str(followed or task(task.Options(**recipe.task.options)).validation_metric)


app.command()(init)
app.command()(inspect)
app.command()(agree)
app.command()(convert)
app.command()(predict)
app.command()(explain)


@app.command()
def evaluate(
    folder: RunArgument,
    data: Annotated[Path, typer.Option(help="Data file with gold labels or answers.")],
    overrides: Overrides = None,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Also score the model in bfloat16, and compare.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also score the model in int8, and compare.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the model of a run on another data file."""
    from luthier.models.lean import import_lean

    import_lean()
    from luthier.evaluate_run import evaluate as evaluate_run

    precision = precision_of(bf16=bf16, int8=int8)
    found = evaluate_run(folder, str(data), overrides or (), precision=precision)
    scored: dict[str, Any] = {precision: found.rounded} if precision else {}
    scored["float32"] = found.scores
    if as_json:
        told = {"rows": found.n_rows, "scores": scored if precision else found.scores}
        print_json(told | ({"comparison": found.comparison} if precision else {}))
        return
    from luthier.cli.show import scores_table

    for name, scores in scored.items():
        title = f"{folder}{f' in {name}' if precision else ''} on {found.n_rows:,} rows of {data}"
        print_table(scores_table(scores, title=title))
    if found.comparison:
        print(visible(found.comparison.verdict))


app.command()(compare)
app.command()(runs)
app.command()(export)
app.command()(push)
app.command()(serve)
app.command()(label)
app.command()(studies.ladder)
app.command()(studies.seeds)
app.command()(studies.ablate)
app.command()(folds)
app.command()(forecast)
app.command()(rehearse)
app.command()(studies.modalities)
app.command()(soup)
app.command()(interpolate)
app.command()(distance)


@app.command(name="list")
def list_plugins(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="tasks, methods, baselines, metrics …; default: all that are chosen.",
        ),
    ] = None,
) -> None:
    """List the tasks, methods, baselines, engines and metrics that a recipe can name."""
    from luthier.cli.catalogue import METRICS, describe, describe_metrics
    from luthier.errors import suggestion
    from luthier.registry import EVERYTHING

    if kind is not None and kind not in (*EVERYTHING, METRICS):
        raise RecipeError(
            "There is no such kind of plug-in.",
            received=kind,
            hint=suggestion(kind, (*EVERYTHING, METRICS)),
        )
    for shown in [kind] if kind else EVERYTHING:
        lines = describe_metrics() if shown == METRICS else describe(shown)
        width = max(len(name) for name, _ in lines)
        print(f"{shown}")
        for name, words in lines:
            print(f"  {name:<{width}}  {words}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe, for use in editors."""
    from luthier.recipe.schema import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))


@app.command()
def report(folder: RunArgument) -> None:
    """Rewrite a run's report and print its path."""
    from luthier.report.render import write_report
    from luthier.runs import RunFolder
    from luthier.runs.result import refuse_disagreement

    if RunFolder.open(folder).state()["state"] == "finished":
        refuse_disagreement(folder)
    print(visible(str(write_report(folder))))
