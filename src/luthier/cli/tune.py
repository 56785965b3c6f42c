"""The command `tune`: a search for settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from luthier.cli.studies import On, Out, Overrides, Quiet, Recipe, Runs, Teller, beside
from luthier.cli.tables import (
    Column,
    JsonOption,
    Layout,
    LayoutOption,
    Row,
    Table,
    chosen,
    print_table,
)
from luthier.cli.visible import visible
from luthier.studies.workers import PROCESSES, Workers

if TYPE_CHECKING:
    from luthier.studies.tuning.found import Found
    from luthier.studies.tuning.trials import Arm, Tried

N_SHOWN = 10  # trials in the table


def tune(
    recipe: Recipe,
    overrides: Overrides = None,
    space: Annotated[
        Path | None,
        typer.Option(help="Fields of the recipe and their values, a .yaml file; else the usual."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Settings that are tried.")] = 30,
    seeds: Annotated[
        int, typer.Option(min=0, help="Fresh seeds of the best recipe and of the one as it is.")
    ] = 5,
    against_random: Annotated[
        bool, typer.Option("--against-random", help="Also search at random with as many trials.")
    ] = False,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Train every trial to its end.")
    ] = False,
    out: Out = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep the weights of every trial.")
    ] = False,
    jobs: Runs = None,
    on: On = PROCESSES,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for the settings of a recipe that score best on validation, and say what that brings.

    The same command goes on with a search that was stopped; given twice, both work on it.
    """
    from luthier.cli.progress import watching
    from luthier.runs import plain
    from luthier.studies.tune import tune as run_search

    asked = chosen(layout, as_json=as_json)
    with watching(quiet=quiet) as listener:
        found = run_search(
            recipe,
            overrides or (),
            space=space,
            n_trials=trials,
            n_seeds=seeds,
            against_random=against_random,
            prune=not no_prune,
            out=out,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_tried=Tells(beside(asked)),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    record = {**plain(found), "report": found.report, "recipe": found.recipe}
    print_table(table_of(found, asked), asked, record=record, notes=[*found.sentences])
    if found.search.best is None:
        print(visible(f"Report: {found.report}"), file=beside(asked))
        raise typer.Exit(2)
    print(visible(f"Recipe: {found.recipe}\nReport: {found.report}"), file=beside(asked))


class Tells:
    """Says what came of each trial.

    Args:
        stream: Where that is printed.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.best: dict[str, Tried] = {}

    def __call__(self, arm: Arm, n_trials: int, tried: Tried | None) -> None:
        """Take news of a trial; nothing is said where one begins."""
        if tried is None:
            return
        said = f"{tried.state}: {tried.reason}"
        if tried.score is not None:
            said = f"{tried.score:.4f} on validation"
        seconds = f" ({tried.seconds:.0f} s)" if tried.seconds is not None else ""
        news = f"[{tried.number + 1}/{n_trials}] {tried.cell}: {said}{seconds}"
        print(visible(news), file=self.stream, flush=True)


def table_of(found: Found, layout: Layout) -> Table:
    """Tabulate trials: for people the best ones, for programs all of them."""
    from luthier.cli.show import heading
    from luthier.metrics.names import lower_is_better

    trials = [*found.search.trials, *(found.random.trials if found.random else ())]
    rows = [
        {
            "trial": one.cell,
            "state": one.state,
            "score": one.score,
            "seconds": one.seconds,
            **{path: one.values.get(path) for path in found.space},
            "reason": one.reason,
        }
        for one in trials
    ]
    if layout in (Layout.TABLE, Layout.LATEX):
        of = {one.cell: one.score for one in trials if one.score is not None}
        order = sorted(of, key=lambda cell: of[cell], reverse=not lower_is_better(found.metric))
        rows = [next(row for row in rows if row["trial"] == cell) for cell in order[:N_SHOWN]]
    return Table(
        (
            Column("trial", lambda row: str(row["trial"])),
            Column(
                f"{heading(found.metric)} on validation",
                lambda row: f"{row['score']:.4f}",
                is_number=True,
            ),
            *(
                Column(path.rpartition(".")[2], _writer(path), is_number=True)
                for path in found.space
            ),
        ),
        rows,
        title=f"The best of {len(trials)} trials, on {found.n_validation:,} validation rows",
    )


def _writer(path: str) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        value = row[path]
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return write
