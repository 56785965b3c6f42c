"""`luthier init`: a recipe for a data file. `luthier run FILE` writes one likewise and runs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from luthier import ranks
from luthier.cli.visible import visible
from luthier.errors import RecipeError

if TYPE_CHECKING:
    from luthier.first_recipe import FirstRecipe

RECIPES = (".yaml", ".yml")


def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER", help="A data file, .csv, .jsonl, .parquet …, or a folder."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION.FIELD=VALUE",
            help="Fields of the recipe, such as training.seed=1 or method=lora.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="The task; `luthier list tasks`; default: guessed.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Path of the recipe to write.")] = Path("recipe.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing recipe.")] = False,
) -> None:
    """Inspect a data file, or a folder with a file for each split, and write a recipe for it."""
    if out.exists() and not force:
        raise RecipeError(
            "This recipe exists and would be overwritten.",
            received=str(out),
            hint=f"luthier init {source} --out another.yaml, or add --force",
        )
    made = write_recipe(source, overrides or (), task=task, out=out)
    tell(made, sys.stdout)
    print(visible(f"\nWrote {out} for {made.task}. Review it, then:\n  luthier run {out}"))


def write_recipe(
    source: str, overrides: Sequence[str], *, out: Path, task: str | None = None
) -> FirstRecipe:
    """Guess what a data file or folder is for, and write a recipe.

    Raises:
        DataError: The rows cannot be read, or have no shape that is known.
        RecipeError: The recipe cannot be written, or an override is wrong.
    """
    from luthier.first_recipe import first_recipe

    made = first_recipe(source, overrides, task=task, folder=out.parent)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(made.text(str(out)), encoding="utf-8")
    except OSError as problem:
        raise RecipeError(
            "The recipe cannot be written.",
            received=f"{out}: {problem.strerror}",
            hint="pass --out with a path that you can write to",
        ) from None
    return made


def tell(made: FirstRecipe, where: IO[str]) -> None:
    """Print what was found, why the task was chosen, and what should be checked."""
    for note in (*made.notes, *made.reasons, *(f"Check: {doubt}" for doubt in made.unsure)):
        print(visible(f"• {note}"), file=where)


def recipe_for(given: Path, overrides: Sequence[str]) -> Path:
    """Return the recipe to run: the one given, or one that is written for a data file or folder.

    A recipe that was written for the file before is run as it stands, so that the same command
    resumes a run.

    Raises:
        DataError: The file is there, and has no shape that is known.
    """
    is_data = given.is_dir() or (given.is_file() and given.suffix.lower() not in RECIPES)
    if not is_data:
        return given
    whole = given.resolve()
    out = Path(f"{(whole.name if whole.is_dir() else whole.stem) or 'recipe'}.yaml")
    if out.exists():
        told = (
            f"{out} is there already and is run as it stands; delete it and a new one is guessed."
        )
        if ranks.is_first():
            print(visible(told), file=sys.stderr)
        return out
    if not ranks.is_first():
        raise RecipeError(
            "Several processes run a recipe that is there.",
            received=str(given),
            hint=f"luthier init {given} --out {out}",
        )
    made = write_recipe(str(given), overrides, out=out)
    tell(made, sys.stderr)
    print(visible(f"Wrote {out} for {made.task}; it is what is run now."), file=sys.stderr)
    return out
