"""What predicting needs beside the files of a model, in one: `luthier.json`.

A run keeps its recipe and its target in documents of its own. Its `model/`, and what is exported
from it, hold both in one file, without the folders of this machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from luthier import __version__
from luthier.errors import RunError
from luthier.recipe.tree import Recipe
from luthier.records import Target
from luthier.runs.files import damaged, plain, read_json, write_whole
from luthier.runs.folder import RunFolder
from luthier.runs.result import verify_model
from luthier.runs.shareable import names_of, shareable

PORTABLE = "luthier.json"
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a trained model that says by itself how it predicts.

    Args:
        model: The folder.
    """

    model: Path

    def recipe(self) -> Recipe:
        """Read the recipe of the run that trained it; its paths are cut.

        Raises:
            RunError: It is damaged, or of another version.
        """
        return self._read(Recipe, "recipe")

    def target(self) -> Target:
        """Read the target: what the model predicts.

        Raises:
            RunError: It is damaged.
        """
        return self._read(Target, "target")

    def _read(self, kind: type[Kind], part: str) -> Kind:
        path = self.model / PORTABLE
        try:
            return TypeAdapter(kind).validate_python(read_json(path)[part])
        except (ValidationError, LookupError, TypeError) as problem:
            raise damaged(path, problem) from problem


def write_portable(folder: Path, recipe: Recipe, target: Target) -> None:
    """Write into a model's folder what predicting needs beside it."""
    tree = recipe.model_dump(mode="json")
    content = {
        "luthier": __version__,
        "recipe": shareable(tree, names_of(tree)),
        "target": plain(target),
    }
    write_whole(folder / PORTABLE, [json.dumps(content, ensure_ascii=False, indent=1), "\n"])


def open_alone(path: str | Path) -> ModelFolder:
    """Open the folder of a trained model that stands alone.

    Raises:
        RunError: A file is not as it was written.
    """
    verify_model(Path(path))
    return ModelFolder(Path(path))


def open_trained(path: str | Path) -> RunFolder | ModelFolder:
    """Open a finished run, or the folder of a trained model that stands alone.

    Raises:
        RunError: Neither is there, the run did not finish, or a file is not as it was written.
    """
    if not isinstance(path, (str, Path)):
        raise RunError(
            "A run is given by its folder.",
            received=type(path).__name__,
            hint='luthier.load("runs/NAME")',
        )
    folder = Path(path)
    if (folder / PORTABLE).is_file():
        return open_alone(folder)
    if (folder / "verification.json").is_file():
        raise RunError(
            "This model was exported for TensorFlow, which is what can run it.",
            received=str(path),
            hint="the run that it is from; or luthier export RUN --out FOLDER, for a checkpoint",
        )
    run = RunFolder.open(folder).require_finished()
    if (folder / "folds").is_dir() and not run.model.is_dir():
        raise RunError(
            "This is a cross-validation: each fold has a model, the whole has none.",
            received=str(path),
            hint=f"{folder / 'folds' / 'fold-0'}, one model without data.split.n_folds, or all "
            "together: luthier folds RECIPE --ensemble",
        )
    return run
