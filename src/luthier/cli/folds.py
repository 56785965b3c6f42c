"""`luthier folds`: a model for each fold, and what they are worth together. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.tables import JsonOption, print_json, print_table
from luthier.cli.visible import visible


def folds(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a .yaml file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION.FIELD=VALUE", help="Changes to the recipe.", show_default=False
        ),
    ] = None,
    n_folds: Annotated[int, typer.Option("--folds", min=2, help="Number of folds.")] = 5,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Let the folds' models answer together.")
    ] = False,
    distil: Annotated[
        bool, typer.Option("--distil", help="Train one model on their answers, too.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The folder; default: runs/NAME-folds, which is resumed.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model for each fold beside the test set, and judge what they answer together."""
    from luthier.cli.progress import watching
    from luthier.cli.show import systems_table, verdicts_of
    from luthier.runs import plain
    from luthier.studies.fold_ensemble import ENSEMBLE
    from luthier.studies.fold_ensemble import folds as make_folds

    with watching(quiet=quiet) as listener:
        made = make_folds(
            recipe,
            overrides or (),
            n_folds=n_folds,
            ensemble=ensemble,
            distil=distil,
            out=out,
            name=recipe.stem,
            listeners=[listener],
        )
    if as_json:
        print_json(plain(made))
        return
    own = [one for one in made.comparisons if one.system == ENSEMBLE]
    if made.test:
        others = [one for one in made.comparisons if one not in own]
        notes = verdicts_of(own) + [f"{one.system}: {one.verdict}" for one in others]
        table = systems_table(
            made.test,
            own,
            made.metric,
            confidence=made.confidence,
            better_by="the ensemble is better by",
        )
        print_table(table, notes=notes)
    else:
        print_table(systems_table(made.out_of_fold, (), made.metric, confidence=made.confidence))
    for sentence in made.told:
        print(visible(f"• {sentence}"))
    if made.test:
        print(visible(f'\nIt answers by: luthier predict {made.folder} "a text"'))
    print(visible(f"Report: {made.report}"))
