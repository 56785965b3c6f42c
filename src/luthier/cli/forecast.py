"""The command `forecast`: what would more labels bring?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.studies import (
    Keep,
    On,
    Out,
    Overrides,
    Quiet,
    Recipe,
    Runs,
    Teller,
    beside,
    numbers,
)
from luthier.cli.tables import Column, JsonOption, LayoutOption, Table, chosen, print_table
from luthier.cli.visible import visible
from luthier.studies.workers import PROCESSES, Workers

if TYPE_CHECKING:
    from luthier.studies.forecast import Forecast


def forecast(
    recipe: Recipe,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Numbers of labels to look to, in all; else half as many more, 2 and 4 times."
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(help="Numbers of labels to try, in all; else those of a ladder, or six."),
    ] = None,
    ceiling: Annotated[
        float | None,
        typer.Option(help="A score that no model can exceed: the agreement of annotators."),
    ] = None,
    n_seeds: Annotated[int, typer.Option("--seeds", min=2, help="Draws of every size.")] = 5,
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
    """Find out what more labels would bring: the learning curve so far, continued with a band."""
    from luthier.cli.progress import watching
    from luthier.runs import plain
    from luthier.studies.forecast import forecast as run_forecast

    asked = chosen(layout, as_json=as_json)
    targets, tried = numbers(to, "--to"), numbers(sizes, "--sizes")
    with watching(quiet=quiet) as listener:
        found = run_forecast(
            recipe,
            overrides or (),
            to=targets,
            sizes=tried,
            ceiling=ceiling,
            n_seeds=n_seeds,
            min_steps=min_steps,
            out=out,
            keep_models=keep_models,
            jobs=Workers(on, jobs),
            on_trial=Teller(beside(asked)),
            listeners=[listener],
        )
    record = {**plain(found), "report": found.report}
    print_table(table_of(found), asked, record=record, notes=[*found.sentences])
    print(visible(f"Report: {found.report}"), file=beside(asked))


def table_of(found: Forecast) -> Table:
    """Tabulate what was measured, and what is expected."""
    from luthier.cli.show import heading, with_interval

    rows = [
        {"labels": int(one.level), "what": "measured", **vars(one.score)} for one in found.lines
    ]
    rows += [
        {
            "labels": one.n_rows,
            "what": "expected",
            "mean": one.score,
            "low": one.low,
            "high": one.high,
        }
        for one in found.expected
    ]
    interval = f"{heading(found.metric)} [{found.confidence:.0%} interval, {found.band:.0%} band]"
    return Table(
        (
            Column("labels", lambda row: f"{row['labels']:,}", is_number=True),
            Column("", lambda row: str(row["what"])),
            Column(interval, lambda row: with_interval(row["mean"], row["low"], row["high"])),
        ),
        rows,
        title=f"On {found.n_test:,} test rows, {len(found.seeds)} draws",
    )
