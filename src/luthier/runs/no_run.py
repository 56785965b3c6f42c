"""Say what stands in a place that holds no run, and how to use it."""

from __future__ import annotations

import re
from pathlib import Path

from luthier.errors import RunError, nearest

RECIPE, STATUS = "recipe.yaml", "status.json"
MODEL = ("config.json", "adapter_config.json", "modules.json")  # a checkpoint has one of these
DEPTH = 3  # folders above a place among which the run is looked for that it may be a part of
SHOWN = 5


def no_run(path: Path) -> RunError:
    """Make the error for a place without a run: a model, a part of a run, or something else."""
    part_of = next((one for one in path.absolute().parents[:DEPTH] if _is_run(one)), None)
    if part_of is not None and path.exists():
        return RunError(
            "This is a part of a run; a run is given by its folder.",
            received=str(path),
            hint=str(part_of),
        )
    if (model := _model(path)) is not None:
        return RunError(
            "This is a model without a run: nothing says what it reads and how it answers.",
            received=str(path),
            hint=f"start from it: luthier init FILE model={model}, then luthier run",
        )
    inside, beside = _runs_in(path), _runs_in(path.parent)
    named = {Path(one).name: one for one in beside}
    close = named.get(nearest(path.name, named) or "")
    hint = "luthier run RECIPE makes one"
    if close or inside:
        hint = f"did you mean {close or ' or '.join(inside[:SHOWN])}?"
    elif beside:
        hint = f"runs here: {', '.join(beside[:SHOWN])}"
    return RunError("There is no run in this folder.", received=str(path), hint=hint)


def _is_run(folder: Path) -> bool:
    return (folder / RECIPE).is_file() and (folder / STATUS).is_file()


def _runs_in(folder: Path) -> list[str]:
    found = folder.glob(f"*/{RECIPE}") if folder.is_dir() else ()
    return sorted(str(recipe.parent) for recipe in found)


def _model(path: Path) -> str | None:
    """Name the model that a place holds: itself, or the newest checkpoint in it; None without."""
    if str(path).startswith("package:") or any((path / name).is_file() for name in MODEL):
        return str(path)
    checkpoints = [one.parent for one in path.glob("checkpoint-*/*.json") if one.name in MODEL]
    ordered = sorted(checkpoints, key=lambda one: [int(n) for n in re.findall(r"\d+", one.name)])
    return str(ordered[-1]) if ordered else None
