"""The models of folds: calibrated on the rows that each did not see, whose answers are soft labels.

Soft labels out of fold (cross-fitting): Dao et al. 2021, section 4,
https://arxiv.org/abs/2104.09732. A model's answers to rows that it was trained on are mostly their
labels again. Next: `fold_ensemble.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from luthier.data.fingerprint import row_digests
from luthier.errors import RecipeError
from luthier.metrics.calibration import CAREFUL, fit_temperature, fit_temperature_of_labels
from luthier.prediction.averaging import AVERAGED, Voice, mean_of
from luthier.prediction.predictor import Predictor
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Rows, StepInfo, Target
from luthier.registry import find, names
from luthier.runs.files import write_whole
from luthier.training.listeners import Listener


def refuse_others(base: Recipe, n_folds: int, *, ensemble: bool, distil: bool) -> None:
    """Refuse what cannot be cut into folds, averaged or distilled, before anything is trained.

    Raises:
        RecipeError: It cannot.
    """
    task: Task = make_plugin("tasks", base.task)
    if n_folds < 2:
        raise RecipeError(
            "There are two folds at least.", received=f"n_folds={n_folds}", hint="--folds 5"
        )
    if base.data.split.n_folds is not None:
        raise RecipeError(
            "The number of folds is given once.",
            received=f"data.split.n_folds={base.data.split.n_folds}",
            hint="--folds 5 with data.split.n_folds=null",
        )
    if not ensemble:
        return
    if task.kind not in AVERAGED or task.crf:
        what = "weighs which tag follows which (crf)" if task.crf else "writes or chooses answers"
        able = sorted(name for name in names("tasks") if find("tasks", name).kind in AVERAGED)
        raise RecipeError(
            f"The answers of several models of {task.name} cannot be averaged.",
            received=f"a task that {what}",
            hint="task.options.crf=false" if task.crf else f"a task of: {', '.join(able)}",
        )
    student = find("methods", "distillation")
    if distil and not (task.unit in student.units and task.kind in student.kinds):
        raise RecipeError(
            f"No model of {task.name} can be distilled from others.",
            received="--distil",
            hint="--ensemble alone",
        )


def place_of(folder: Path, fold: int) -> Path:
    """Say where the run of a fold is."""
    return folder / "folds" / f"fold-{fold}"


def calibrate(
    members: Sequence[Predictor],
    held_out: Sequence[Rows],
    target: Target,
    listeners: Sequence[Listener] = (),
) -> tuple[Target, list[float], list[Outputs]]:
    """Fit each model's temperature on its held-out fold, and thresholds on all folds together.

    Args:
        members: The models.
        held_out: The rows that each did not see.
        target: What they predict together, thresholds aside.
        listeners: Told of every model.

    Returns:
        The target with thresholds, a temperature for each model, and what it said of its own
        held-out rows, as outputs of the target.
    """
    together = replace(target, thresholds=None, mean=0.0, scale=1.0)
    temperatures, said = [], []
    for number, (member, rows) in enumerate(zip(members, held_out, strict=True), start=1):
        outputs = member.outputs(rows)
        gold = member.codec.gold(rows)
        temperature = TEMPERATURES[target.kind](outputs, gold)
        voice = Voice(outputs, member.target, temperature)
        temperatures.append(temperature)
        said.append(mean_of([voice], together))
        for listener in listeners:
            listener(StepInfo("calibrating", number, len(members), rows=len(rows)))
    if target.kind == "multi-label":
        codec: Any = members[0].codec
        codec = codec.with_target(names=together.names, thresholds=None)
        gold = np.concatenate([codec.gold(rows) for rows in held_out])
        together = codec.tuned(np.concatenate(said), gold).target
    return together, temperatures, said


def _of_tags(outputs: Outputs, gold: Any) -> float:
    logits, is_seen = outputs.of_words()
    counts = is_seen & (gold.values >= 0)
    return fit_temperature(logits.values[counts], gold.values[counts], least=CAREFUL)


TEMPERATURES: Mapping[str, Callable[[Outputs, Any], float]] = {
    "single-label": partial(fit_temperature, least=CAREFUL),
    "multi-label": partial(fit_temperature_of_labels, least=CAREFUL),
    "number": lambda outputs, gold: 1.0,
    "tags": _of_tags,
}


def soft_labels(
    path: Path, held_out: Sequence[Rows], said: Sequence[Array], target: Target, task: Task
) -> Path:
    """Write what each model said of the rows that it did not see, as `distillation` reads it.

    Args:
        path: The file.
        held_out: The rows of every fold.
        said: Outputs for them, (rows, outputs) each.
        target: What they are outputs of.
        task: Its inputs tell rows apart.
    """
    by_row = {
        digest: [round(float(one), 6) for one in outputs]
        for rows, of_fold in zip(held_out, said, strict=True)
        for digest, outputs in zip(row_digests(rows, task.input_roles), of_fold, strict=True)
    }
    content = {"names": target.names, "outputs": by_row}
    return write_whole(path, [json.dumps(content, ensure_ascii=False, indent=0), "\n"])
