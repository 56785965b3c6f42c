"""The command `label`: a labelling desk in the terminal, or fed line by line."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections import deque
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.studies import Overrides, listed
from luthier.cli.visible import visible
from luthier.errors import DataError, RecipeError

if TYPE_CHECKING:
    from rich.console import Console

    from luthier.cli.keys import Keys
    from luthier.cli.label_typing import Entry, Typed
    from luthier.labelling.desk import Desk
    from luthier.labelling.questions import Question

PATIENCE = 2.0  # seconds after which rows that an older model chose are shown meanwhile
LOOK = 0.3  # seconds between looks at what happens beside the desk
SECONDS_BETWEEN_LINES = 10.0  # of progress, where there is no terminal


class Trains(StrEnum):
    """What trains between batches."""

    FROZEN = "frozen"
    RECIPE = "recipe"


def label(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="RECIPE", help="A recipe, a .yaml file.", show_default=False),
    ] = None,
    overrides: Overrides = None,
    pool: Annotated[
        str | None, typer.Option(help="The rows to label: a file as in data.train.")
    ] = None,
    by: Annotated[str, typer.Option(help="Query strategy; see: luthier list queries.")] = "margin",
    batch: Annotated[int, typer.Option(min=1, help="Rows that are chosen at once.")] = 20,
    audit: Annotated[
        float, typer.Option(help="Share of rows drawn at random; they alone score the model.")
    ] = 0.1,
    annotator: Annotated[
        str | None, typer.Option(help="Who answers; default: this user.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="The file of labels; it is only appended to.")] = Path(
        "labels.jsonl"
    ),
    labels: Annotated[
        str | None,
        typer.Option(help="The labels, commas between, in the order of their keys."),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Show the model's answer; it draws people to it.")
    ] = False,
    method: Annotated[
        Trains, typer.Option(help="Between batches: a head on the frozen model, or the recipe's.")
    ] = Trains.FROZEN,
    candidates: Annotated[
        int, typer.Option(min=1, help="Most rows that a strategy chooses from at once.")
    ] = 3000,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns of the pool, where named otherwise: text=COLUMN."),
    ] = None,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="TOOL FILE",
            help="Label nothing: write the answers in --out for label-studio, doccano, prodigy, "
            "argilla or as rows.",
        ),
    ] = None,
) -> None:
    """Label rows: the ones that teach most first, with a random share to score by."""
    if export is not None:
        _export(out, *export)
        return
    if recipe is None or pool is None:
        raise RecipeError(
            "A desk needs a recipe and a pool of rows.",
            received=f"{'a recipe' if recipe else 'no recipe'}, {'a pool' if pool else 'no pool'}",
            hint="luthier label RECIPE --pool FILE",
        )
    from luthier.cli.keys import keys_of_terminal
    from luthier.labelling.label import label as open_desk
    from luthier.signals import listening

    print(visible(f"Reading {pool} …"), file=sys.stderr, flush=True)
    code = 0
    with listening(), keys_of_terminal() as keys:
        desk = open_desk(
            recipe,
            overrides or (),
            pool=pool,
            by=by,
            batch=batch,
            audit=audit,
            annotator=annotator,
            out=out,
            labels=listed(labels),
            suggest=suggest,
            method=method.value,
            candidates=candidates,
            columns=_mapping(columns),
            patience=None if keys is None else PATIENCE,
        )
        with desk:
            try:
                (Lines(desk) if keys is None else Screen(desk, keys)).run()
            except KeyboardInterrupt:
                code = 130
    for line in summary(desk, recipe):
        print(visible(line))
    if code:
        raise typer.Exit(code)


def _export(journal: Path, tool: str, file: Path) -> None:
    """Write what stands in a desk's file as another tool reads it."""
    from luthier.cli.convert import convert
    from luthier.data.journal import is_journal

    if not is_journal(journal):
        raise DataError(
            "There is no such file of a labelling desk.",
            received=str(journal),
            hint="--out FILE with the file that luthier label wrote",
        )
    convert(journal, tool, file)


def _mapping(columns: str | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in listed(columns)]
    for role, equals, name in pairs:
        if not (role.strip() and equals and name.strip()):
            raise RecipeError(
                "A column of the pool is given as ROLE=COLUMN.",
                received=f"--columns {columns}",
                hint="--columns text=sentence",
            )
    return {role.strip(): name.strip() for role, _, name in pairs}


class Lines:
    """The desk without a terminal: a question is printed, a line is read.

    Args:
        desk: The desk.
    """

    def __init__(self, desk: Desk):
        from rich.console import Console

        self.desk, self.console = desk, Console(highlight=False, soft_wrap=False)
        self.news = News(desk)

    def run(self) -> None:
        """Ask until the input ends, or nothing is left."""
        from luthier.cli.label_screen import score_line
        from luthier.cli.label_typing import Entry

        model = None
        while (question := self._ask()) is not None:
            for one in self.news.take():
                print(visible(one))
            if self.desk.latest is not model:
                model = self.desk.latest
                print(score_line(self.desk))
            self._show(question)
            entry = Entry(self.desk.answers, question.words)
            while (line := sys.stdin.readline()) and (typed := entry.line(line)) is None:
                print(visible(entry.problem), flush=True)
            if not line or not act(self.desk, typed, entry, self.news):  # type: ignore[arg-type]
                return
        for one in self.news.take():
            print(visible(one))

    def _ask(self) -> Question | None:
        from luthier.cli.label_screen import waiting

        begun = told = time.monotonic()
        while not self.desk.wait(LOOK):
            now = time.monotonic()
            if now - told > SECONDS_BETWEEN_LINES:
                told = now
                print(visible(waiting(self.desk, now - begun)), file=sys.stderr, flush=True)
        return self.desk.ask()

    def _show(self, question: Question) -> None:
        from luthier.cli.label_screen import body, footer, heading, label_table
        from luthier.cli.label_typing import Entry

        entry, width = Entry(self.desk.answers, question.words), max(20, self.console.width - 1)
        lines = [heading(self.desk, question), *body(question, entry, width, self.console)]
        lines += label_table(entry, width)
        for line in [*lines, footer(entry)]:
            print(str(line).rstrip(), flush=True)


class Screen:
    """The desk in a terminal, redrawn after every key.

    Args:
        desk: The desk.
        keys: The keys.
    """

    def __init__(self, desk: Desk, keys: Keys):
        from rich.console import Console

        self.desk, self.keys = desk, keys
        self.console: Console = Console(highlight=False)
        self.news = News(desk)

    def run(self) -> None:
        """Ask until somebody quits, or nothing is left."""
        from luthier.cli.label_typing import Entry

        shown: list[str] = []
        while self._wait():
            question = self.desk.ask()
            if question is None:
                return
            entry = Entry(self.desk.answers, question.words)
            typed = None
            size = None
            while typed is None:
                fresh = self.news.take()
                if fresh or size != self.console.size:
                    shown, size = fresh or shown, self.console.size
                    self._draw(question, entry, shown)
                key = self.keys.read(LOOK)
                if key is not None:
                    typed = entry.press(key)
                    size = None
            shown = []
            if not act(self.desk, typed, entry, self.news):
                return

    def _wait(self) -> bool:
        """Wait for rows; False where somebody quits meanwhile."""
        from rich.text import Text

        from luthier.cli.label_screen import waiting, wrapped

        begun = time.monotonic()
        while not self.desk.wait(LOOK):
            news = [*self.news.kept, waiting(self.desk, time.monotonic() - begun)]
            self.console.clear()
            for one in [*news, "q quits."]:
                for line in wrapped(Text(visible(one)), self.console.width - 1, self.console):
                    self.console.print(line)
            if self.keys.read(0.0) in ("q", "end"):
                return False
        return True

    def _draw(self, question: Question, entry: Entry, news: list[str]) -> None:
        from luthier.cli.label_screen import screen

        self.console.clear()
        lines = screen(self.desk, question, entry, news, self.console)
        for number, line in enumerate(lines, start=1):
            self.console.print(line, end="" if number == len(lines) else "\n", soft_wrap=True)
        self.console.file.flush()


class News:
    """What happened beside the questions: answers kept, models trained, trainings that failed.

    Args:
        desk: The desk.
    """

    def __init__(self, desk: Desk):
        self.desk, self.kept = desk, deque(desk.pool.notes)
        if desk.journal.torn:
            self.kept.append(f"{desk.journal.torn} bytes of a torn last line were dropped.")
        if desk.answered.standing:
            self.kept.append(f"Going on after {len(desk.answered.standing):,} answers.")

    def tell(self, words: str) -> None:
        """Add news."""
        self.kept.append(words)

    def take(self) -> list[str]:
        """Give the news since the last time."""
        failures = self.desk.batches.failures
        found = [*self.kept, *failures]
        self.kept.clear()
        failures.clear()
        return found


def act(desk: Desk, typed: Typed, entry: Entry, news: News) -> bool:
    """Do what was typed; False where that is to quit."""
    from luthier.cli.label_screen import help_text
    from luthier.cli.label_typing import HELP, QUIT, SKIP, UNDO, told

    if typed.command == QUIT:
        return False
    if typed.command == HELP:
        news.tell(help_text(entry))
    elif typed.command == SKIP:
        desk.skip()
        news.tell("Skipped.")
    elif typed.command == UNDO:
        undone = desk.undo()
        news.tell("There is nothing to undo." if undone is None else "Taken back.")
    else:
        try:
            record = desk.tell(typed.answer)
        except DataError as problem:
            if desk.current is None or (problem.hint or "").startswith("free"):
                raise
            news.tell(told(problem))
            return True
        news.tell(f"Kept: {desk.answers.shown(record[desk.answers.role])}.")
    return True


def summary(desk: Desk, recipe: Path) -> list[str]:
    """Say what was done, and how to train on it."""
    from luthier.cli.label_screen import score_line
    from luthier.labelling.training import training_command

    done = desk.answered.standing
    n_audit = sum(bool(one["audit"]) for one in done)
    name = os.path.relpath(desk.journal.path)
    if not done:
        return ["", f"No answers in {name} yet."]
    lines = ["", f"{len(done):,} answers in {name}, {n_audit:,} of them audit rows."]
    if desk.latest is not None and desk.latest.n_trained:
        lines.append(score_line(desk))
    command, warning = training_command(desk, str(recipe), name)
    lines += [warning] if warning else []
    return [*lines, "Train on them:", f"  {shlex.join(command)}"]
