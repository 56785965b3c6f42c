"""The command `rehearse`: which rows next?"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from luthier.cli.studies import Out, Overrides, Quiet, Recipe, beside, listed
from luthier.cli.tables import Column, JsonOption, LayoutOption, Table, chosen, print_table
from luthier.cli.visible import visible

if TYPE_CHECKING:
    from luthier.rehearsal.rehearse import Rehearsal


class Trained(StrEnum):
    """What is trained after each batch."""

    FROZEN = "frozen"
    RECIPE = "recipe"


def rehearse(
    recipe: Recipe,
    overrides: Overrides = None,
    by: Annotated[
        str, typer.Option(help="Query strategies, with commas between; see `luthier list queries`.")
    ] = "margin,badge",
    batch: Annotated[int, typer.Option(min=1, help="Rows that are asked for at once.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Batches after the first.")] = 14,
    n_seeds: Annotated[
        int, typer.Option("--seeds", min=2, help="How often each strategy is played.")
    ] = 5,
    method: Annotated[
        Trained,
        typer.Option(help="Trained after each batch: a head on the frozen model, or the recipe."),
    ] = Trained.FROZEN,
    out: Out = None,
    quiet: Quiet = False,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which rows to label next: do query strategies beat random on rows you have?"""
    from luthier.cli.progress import watching
    from luthier.rehearsal.rehearse import rehearse as run_rehearsal
    from luthier.runs import plain

    asked = chosen(layout, as_json=as_json)
    with watching(quiet=quiet) as listener:
        found = run_rehearsal(
            recipe,
            overrides or (),
            by=listed(by),
            batch=batch,
            rounds=rounds,
            n_seeds=n_seeds,
            method=method.value,
            out=out,
            on_batch=Player(beside(asked), n_plays=n_seeds * len({"random", *listed(by)})),
            listeners=[listener],
        )
    record = {**plain(found), "report": found.report}
    print_table(table_of(found), asked, record=record, notes=[*found.sentences])
    print(visible(f"Report: {found.report}"), file=beside(asked))


class Player:
    """Say what each play came to, and how long the rest will take.

    Args:
        stream: Where that is printed.
        n_plays: How many there will be.
    """

    def __init__(self, stream: TextIO, *, n_plays: int) -> None:
        self.stream, self.n_plays = stream, n_plays
        self.n_done = self.n_played = 0
        self.is_new, self.begun = False, 0.0

    def __call__(
        self, by: str, seed: int, number: int, n_batches: int, score: float | None
    ) -> None:
        """Take news of a batch, and of a play once it is finished."""
        if score is None:
            self.is_new = True
            self.begun = self.begun or time.monotonic()
            return
        self.n_done += 1
        self.n_played += self.is_new
        left = ""
        if self.is_new and self.n_done < self.n_plays and self.n_played > 1:
            rate = (time.monotonic() - self.begun) / self.n_played
            minutes = rate * (self.n_plays - self.n_done) / 60
            left = f", {rate:.0f} s each, about {minutes:.0f} min left"
        self.is_new = False
        news = f"[{self.n_done}/{self.n_plays}] {by}, seed {seed}: {score:.4f} in the end{left}"
        print(visible(news), file=self.stream, flush=True)


def table_of(found: Rehearsal) -> Table:
    """Tabulate each strategy against random."""
    from luthier.cli.show import heading, with_interval

    rows = [
        {"by": one.by, "verdict": one.verdict, "p": one.p_adjusted, "saved": one.saved.n}
        | {"of": one.saved.of, **vars(one.difference)}
        for one in found.compared
    ]
    interval = f"{heading(found.metric)}, less random's [{found.confidence:.0%} interval]"
    return Table(
        (
            Column("strategy", lambda row: str(row["by"])),
            Column(interval, lambda row: with_interval(row["mean"], row["low"], row["high"])),
            Column("p, Holm", lambda row: f"{row['p']:.3f}", is_number=True),
            Column("verdict", lambda row: str(row["verdict"])),
            Column(
                "labels saved", lambda row: f"{row['saved']:.0f} of {row['of']}", is_number=True
            ),
        ),
        rows,
        title=f"On {found.n_test:,} test rows, {len(found.seeds)} seeds, pool of {found.n_pool:,}",
    )
