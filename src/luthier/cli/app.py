"""The command `luthier`: parse, call, print. Heavy imports are inside the commands that need them.

init ─► inspect ─► run ─► report, predict, explain, evaluate, compare, export, serve
runs, list, schema
ladder, seeds, ablate, modalities: studies of many runs (`studies.py`)   tune: a search
folds, soup, interpolate: many models as one         forecast: what more labels would bring
rehearse: which rows to label next      agree: several annotators
submit: a run as the job of a cluster   track: its numbers for TensorBoard, MLflow …
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import luthier
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
from luthier.cli.init import init
from luthier.cli.inspect import inspect
from luthier.cli.interpolate import interpolate
from luthier.cli.label import label
from luthier.cli.predict import RunArgument, precision_of, predict
from luthier.cli.push import push
from luthier.cli.rehearse import rehearse
from luthier.cli.run import Overrides, run
from luthier.cli.runs import runs
from luthier.cli.serve import serve
from luthier.cli.soup import soup
from luthier.cli.submit import submit
from luthier.cli.tables import JsonOption, print_json, print_table
from luthier.cli.track import track
from luthier.cli.tune import tune
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    pass

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


app.command()(run)
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
app.command()(submit)
app.command()(track)
app.command()(studies.ladder)
app.command()(studies.seeds)
app.command()(studies.ablate)
app.command()(tune)
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
