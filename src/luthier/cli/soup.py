"""`luthier soup`: the mean of several runs' weights. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.tables import JsonOption, print_json, print_table
from luthier.cli.visible import visible


def soup(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Runs of one recipe with several seeds; or one that kept weights on its way.",
            metavar="RUN …",
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new folder for the model.")],
    as_json: JsonOption = False,
) -> None:
    """Average the weights of runs, or of one run on its way, as validation rows allow."""
    from luthier.exporters.soup import soup as make_soup

    made = make_soup(runs, out)
    if as_json:
        print_json(vars(made))
        return
    from luthier.cli.show import scores_table

    for name, score in made.validation.items():
        print(visible(f"{name}: {made.metric} {score:.4f} on validation"))
    for system, scores in made.scores.items():
        print_table(scores_table(scores, title=f"{system}, on the test rows"))
    if made.comparison is not None:
        print(visible(made.comparison.verdict))
    left = f"; left out: {', '.join(made.left_out)}" if made.left_out else ""
    print(visible(f"Wrote {made.folder}, the mean of {', '.join(made.runs)}{left}"))
