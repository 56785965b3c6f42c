"""`luthier explain RUN --check` and `--words`: explanations over many rows. See `explain.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.cli.show import p_words, with_interval
from luthier.cli.tables import Column, Row, Table, print_json, print_table
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    from luthier.explaining.checked import Check
    from luthier.explaining.normalised import Normalised
    from luthier.explaining.word_records import GlobalWords, WordEffect
    from luthier.results import Score

SHOWN = 8  # words of a label, each way, that a terminal lists


def refuse_single_rows(folder: Path, asked: str, **given: object) -> None:
    """Refuse what chooses single rows beside what looks at many.

    Raises:
        RecipeError: It was given.
    """
    named = [name for name, one in given.items() if one]
    if named:
        raise RecipeError(
            f"{asked} looks at test rows of the run, drawn at random.",
            received=" ".join([asked, *named]),
            hint=f"luthier explain {folder} {asked}",
        )


def check_rows(folder: Path, *, by: str, n_rows: int | None, as_json: bool) -> None:
    """Check explanations, print what was found and keep it in the run."""
    from luthier.cli.progress import watching
    from luthier.explaining.check import N_ROWS
    from luthier.explanations_of_run import check_explanations

    with watching() as listener:
        found = check_explanations(
            folder,
            by=[name.strip() for name in by.split(",")],
            n_rows=n_rows or N_ROWS,
            store=True,
            listener=listener,
        )
    if as_json:
        print_json(found.to_json())
        return
    show_check(found)
    print(visible(f"\nKept in the report: {folder / 'report.html'}"))


def list_words(folder: Path, *, by: str, n_rows: int | None, as_json: bool) -> None:
    """List words by label and shortcuts, and keep them in the run."""
    from luthier.cli.progress import watching
    from luthier.explaining.global_words import N_ROWS
    from luthier.explanations_of_run import global_words

    with watching() as listener:
        found = global_words(folder, by=by, n_rows=n_rows or N_ROWS, store=True, listener=listener)
    if as_json:
        print_json(found.to_json())
        return
    show_words(found)
    print(visible(f"\nKept in the report: {folder / 'report.html'}"))


def show_check(found: Check) -> None:
    """Print a check: the measures, the likeness with new weights, and the verdict."""
    losses = [{"by": one.by, **vars(erased)} for one in found.explainers for erased in one.erased]
    measures = (
        Column("explainer", lambda row: str(row["by"])),
        Column("measure", lambda row: str(row["measure"])),
        Column("words", lambda row: str(row["operator"])),
        Column("value", lambda row: _score(row["score"])),
        Column("random words", lambda row: f"{row['random'].value:.3f}", is_number=True),
        Column("better by", lambda row: _score(row["gain"], signed=True)),
        Column("corrected p", _corrected),
    )
    shares = ", ".join(f"{one:.0%}" for one in found.shares)
    title = f"On {found.n_rows:,} test rows, without {shares} of their words; in {found.unit}"
    print_table(Table(measures, losses, title=title))
    alike = [
        {"by": one.by, "part": part, "score": score, "chance": one.chance}
        for one in found.explainers
        for part, score in one.redrawn.items()
    ]
    likeness = (
        Column("explainer", lambda row: str(row["by"])),
        Column("randomised", lambda row: str(row["part"])),
        Column("similarity", lambda row: _score(row["score"])),
        Column("random values", lambda row: f"{row['chance'].value:.3f}", is_number=True),
    )
    print_table(Table(likeness, alike), notes=[*found.verdict, *found.notes])


def show_words(found: GlobalWords) -> None:
    """Print the words of every label, and those that may be shortcuts."""
    for label in found.labels:
        sides = (
            *((1, word) for word in label.words_for[:SHOWN]),
            *((-1, word) for word in label.words_against[:SHOWN]),
        )
        title = f"{label.label}: {label.n_rows:,} explained rows, {label.n_words:,} frequent words"
        print_table(Table(_word_columns(is_number=found.is_number), _rows(sides), title=title))
    shortcuts = [one.sentence for one in found.shortcuts]
    print_table(Table(_SHORTCUTS, [vars(one) for one in found.shortcuts], title="Shortcuts?"))
    none = "no word matters so much more than others that it looks like a shortcut"
    print_notes([*(shortcuts or [none]), *found.notes])


def print_notes(notes: Iterable[str]) -> None:
    """Print sentences."""
    for note in notes:
        print(visible(f"• {note}"))


def _rows(sides: Iterable[tuple[int, WordEffect]]) -> list[Row]:
    return [{"side": side, **vars(word)} for side, word in sides]


def _word_columns(*, is_number: bool) -> tuple[Column, ...]:
    ways = ("raises", "lowers") if is_number else ("for", "against")
    return (
        Column("", lambda row: ways[0] if row["side"] > 0 else ways[1]),
        Column("word", lambda row: str(row["word"])),
        Column("mean effect [95% interval]", lambda row: _score(row["effect"], signed=True)),
        Column("rows", lambda row: f"{row['effect'].n:,}", is_number=True),
        Column("training rows", lambda row: f"{row['n_training']:,}", is_number=True),
        Column("in training", lambda row: f"{row['in_training']:+.2f}", is_number=True),
    )


_SHORTCUTS = (
    Column("word", lambda row: str(row["word"])),
    Column("for", lambda row: str(row["label"])),
    Column("× average", lambda row: f"{row['importance']:.1f}", is_number=True),
    Column("with it", lambda row: _score(row["with_word"])),
    Column("without it", lambda row: _score(row["without_word"])),
    Column("with it replaced", lambda row: _score(row["masked"])),
)


def show_normalised(found: Normalised) -> None:
    """Print how faithful explanations of two models are."""
    rows = [{"run": name, "score": score} for name, score in found.scores.items()]
    columns = (
        Column("run", lambda row: str(row["run"])),
        Column("normalised AOPC [95% interval]", lambda row: _score(row["score"])),
    )
    title = f"{found.by} on {found.n_rows:,} test rows; 0 is the worst order of words, 1 the best"
    left_out = (
        f"{found.n_long:,} rows were left out as too long, {found.n_flat:,} as their decisions "
        "depend on no order"
    )
    print_table(Table(columns, rows, title=title), notes=[found.verdict, left_out])


def _score(score: Score, *, signed: bool = False) -> str:
    return with_interval(score.value, score.low, score.high, signed=signed)


def _corrected(row: Row) -> str:
    return p_words(row["p_adjusted"], is_bound=bool(row["p_is_bound"]))
