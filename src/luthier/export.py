"""From a run to one plain checkpoint that answers as the run does.

A run's `model/` is plain already, but for adapters that were kept apart and heads of our own. What
can be merged is merged; that the copy gives the same outputs is tried out on the run's own rows.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import ModelError, RunError
from luthier.models.heads import needs
from luthier.models.load import load_saved, save_model
from luthier.prediction import Predictor, load
from luthier.records import Rows
from luthier.runs import RunFolder

ALIKE = 1e-5
MOST_ROWS = 64  # tried out


def export_merged(run: str | Path, out: str | Path) -> tuple[Path, float]:
    """Write the model of a run as one checkpoint of Transformers.

    Args:
        run: A finished run.
        out: A folder that does not exist, or is empty.

    Returns:
        The folder, and the largest difference of any output on the run's first test rows.

    Raises:
        RunError: The folder is not empty.
        ModelError: The model cannot be merged (prompts are no weights of it), or the copy answers
            otherwise.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            "The folder to export to is not empty, and nothing is ever overwritten.",
            received=str(folder),
            hint=f"--out {folder}-2",
        )
    predictor = load(run)
    refuse_what_stays_apart(predictor.model, run)
    save_model(predictor.model, predictor.tokenizer, folder)
    difference = compare(predictor, folder, first_rows(RunFolder.open(run)))
    if difference > ALIKE:
        raise ModelError(
            "The exported model does not answer as the run's does.",
            received=f"outputs differ by {difference:.1e}",
            hint="keep the run's own model folder, and report this",
        )
    return folder, difference


def refuse_what_stays_apart(model: Any, run: str | Path) -> None:
    """Raise where a model cannot be one plain checkpoint."""
    if hasattr(model, "peft_config"):
        kind = next(iter(model.peft_config.values())).peft_type.value
        raise ModelError(
            f"What {kind} learned acts beside the model's weights and cannot be merged into them.",
            received=str(run),
            hint="luthier.load(RUN) puts both together; method=lora leaves what can be merged",
        )
    if (missing := needs(model)) is not None:
        raise ModelError(
            f"No class of Transformers has this head. {missing}",
            received=str(run),
            hint="model.pooling=default and no hidden layers, or luthier.load(RUN)",
        )


def first_rows(run: RunFolder) -> Rows:
    """Give the first test rows of a run."""
    lines = []
    for line in run.read_predictions():
        lines.append(line["columns"])
        if len(lines) == MOST_ROWS:
            break
    return Rows.of({name: [line[name] for line in lines] for name in lines[0]})


def compare(predictor: Predictor, folder: Path, rows: Rows) -> float:
    """Give the largest difference between two models' outputs on some rows."""
    before = predictor.outputs(rows)
    predictor.model, _ = load_saved(folder)
    return gap(before, predictor.outputs(rows))


def gap(one: Any, other: Any) -> float:
    """Give the largest difference between two outputs of one shape; texts that differ: infinity."""
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return max((gap(getattr(one, name), getattr(other, name)) for name in names), default=0.0)
    if isinstance(one, (list, tuple)):
        return max((gap(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, np.ndarray) and one.dtype.names:
        return max(gap(one[name], other[name]) for name in one.dtype.names)
    if isinstance(one, np.ndarray) and one.dtype.kind in "fiub":
        if one.shape != other.shape:
            return float("inf")
        return float(np.abs(one.astype(float) - other.astype(float)).max(initial=0.0))
    if isinstance(one, np.ndarray):
        return gap(one.tolist(), other.tolist())
    return 0.0 if one == other else float("inf")
