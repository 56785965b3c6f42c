"""`luthier distance`: how far apart two sets of texts are. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.tables import Column, JsonOption, Row, Table, print_json, print_table

if TYPE_CHECKING:
    from luthier.domains.distance import Distance


def distance(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="A data file of any format, or a recipe.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column with the texts, of both; or given twice, of A and of B."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that sees the texts; default: the recipe's.")
    ] = None,
    texts: Annotated[int, typer.Option(min=20, help="Texts of each that are compared.")] = 500,
    permutations: Annotated[
        int, typer.Option(min=99, help="Random deals behind each p-value.")
    ] = 999,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how far apart two sets of texts are, and what that means for fine-tuning."""
    from luthier.cli.progress import watching
    from luthier.domains.distance import distance as measure

    with watching(quiet=quiet) as listener:
        found = measure(
            first,
            second,
            column=column or (),
            model=model,
            n_texts=texts,
            n_permutations=permutations,
            seed=seed,
            listeners=[listener],
        )
    if as_json:
        print_json(found)
        return
    print_table(sides_table(found))
    print_table(distances_table(found), notes=found.meaning)


def sides_table(found: Distance) -> Table:
    """Show the two sets side by side."""
    rows = [vars(one) for one in (found.first, found.second)]
    paths = [Path(row["name"]) for row in rows]
    are_alike = paths[0].name == paths[1].name
    names = {str(path): f"{path.parent.name}/{path.name}" for path in paths if are_alike}
    return Table(
        [
            Column("texts of", lambda row: names.get(row["name"], Path(row["name"]).name)),
            Column("number", lambda row: f"{row['n_texts']:,}", is_number=True),
            Column("words each", lambda row: f"{row['n_words']:.1f}", is_number=True),
            Column("tokens a word", lambda row: f"{row['pieces_per_word']:.3f}", is_number=True),
            Column("unknown tokens", lambda row: f"{row['unknown_share']:.2%}", is_number=True),
            Column("cut up most", lambda row: ", ".join(w.word for w in row["cut_words"][:4])),
        ],
        rows,
        title=f"Seen by {found.model}",
    )


def distances_table(found: Distance) -> Table:
    """Show the distances with what chance gives."""
    rows = [
        {"name": name, **vars(one)}
        for name, one in (("proxy A-distance, 0 to 2", found.proxy_a), ("MMD²", found.mmd))
    ]
    alike = (found.first.halves + found.second.halves) / 2
    rows.append({"name": "words in common", "value": found.words_in_common, "halves": alike})
    return Table(
        [
            Column("distance", lambda row: str(row["name"])),
            Column("value", lambda row: f"{row['value']:.4f}", is_number=True),
            Column("by chance", by_chance),
            Column("p", lambda row: f"{row['p']:.3f}" if "p" in row else "", is_number=True),
        ],
        rows,
        title=f"{found.n_compared:,} texts of each, cut to equal lengths",
    )


def by_chance(row: Row) -> str:
    """Say what a distance comes to where there is none."""
    if "p" in row:
        return f"{row['null_mean']:.4f}, 1 in 20 above {row['null_high']:.4f}"
    return f"{row['halves']:.4f} between halves of one"
