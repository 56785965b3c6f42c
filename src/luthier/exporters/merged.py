"""Export a run as one plain checkpoint that answers as the run does.

A run's `model/` is plain already, except for standalone adapters and Luthier's own heads. Adapters
are merged where they can be. Before the checkpoint is moved to its folder, its outputs on the run's
own rows are compared with those from before the merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import ModelError
from luthier.evaluation.judge import SYSTEM
from luthier.exporters.place import aside, refuse_taken
from luthier.models.heads import needs
from luthier.models.load import load_saved, save_model
from luthier.prediction.predictor import Predictor, load
from luthier.recipe.checks import make_plugin
from luthier.records import Outputs, Rows
from luthier.report.model_card import write_model_card
from luthier.runs import RunFolder, plain
from luthier.runs.portable import write_portable

ALIKE = 1e-5
MOST_ROWS = 64  # that are tried out
NEAR = 1e-2  # numbers may come from another device, and were rounded when they were kept
MOST_UNLIKE = 0.1  # of the rows: another device may tip a close decision


def export_merged(run: str | Path, out: str | Path) -> tuple[Path, float]:
    """Write the model of a run as one Transformers checkpoint.

    Args:
        run: A finished run.
        out: A folder that does not exist, or is empty.

    Returns:
        The folder, and the largest difference of any two outputs on the run's first test rows.

    Raises:
        RunError: The folder is not empty.
        ModelError: The model cannot be merged (prompts are not weights of it), or the copy answers
            differently; nothing is left in the folder then.
    """
    folder = Path(out)
    refuse_taken(folder)
    predictor, opened = load(run), RunFolder.open(run)
    refuse_what_stays_apart(predictor, run)
    lines = first_lines(opened, MOST_ROWS)
    rows = rows_of(lines)
    before = outputs_unmerged(predictor, opened, rows)
    with aside(folder) as written:
        save_model(predictor.model, predictor.codec.processor, written)
        predictor.model, _ = load_saved(written)
        after = predictor.outputs(rows)
        difference = gap(before, after)
        if not difference <= ALIKE:
            raise differs(f"outputs differ by {difference:.1e}")
        if was_merged(opened):
            refuse_other_answers(predictor, after, lines, rows)
        write_portable(written, predictor.recipe, predictor.target)
        write_model_card(opened.path, into=written)
    return folder, difference


def differs(received: str) -> ModelError:
    """Make the error for an exported model that answers differently than the run's."""
    return ModelError(
        "The exported model does not answer as the run's does.",
        received=received,
        hint="keep the run's own model folder, and report this",
    )


def refuse_what_stays_apart(predictor: Predictor, run: str | Path) -> None:
    """Raise if a run's model cannot be one plain checkpoint."""
    refuse_unmerged(predictor, run)
    model, asked = predictor.model, predictor.recipe.model
    if (missing := needs(model)) is not None:
        is_asked_for = asked.pooling != "default" or bool(asked.head_hidden_layers)
        others = "model.pooling=default and no hidden layers, or " if is_asked_for else ""
        raise ModelError(
            f"No class of Transformers has this head. {missing}",
            received=str(run),
            hint=f"{others}luthier.load(RUN), which reads the head too",
        )


def refuse_unmerged(predictor: Predictor, run: str | Path) -> None:
    """Raise if learned parameters cannot be merged into the model."""
    if hasattr(predictor.model, "peft_config"):
        kind = next(iter(predictor.model.peft_config.values())).peft_type.value
        raise ModelError(
            f"{kind} acts beside the model's weights and cannot be merged into them.",
            received=str(run),
            hint="luthier.load(RUN) loads both; method=lora trains weights that can be merged",
        )


def first_lines(run: RunFolder, most: int) -> list[Mapping[str, Any]]:
    """Read the first test rows of a run, which it kept with its predictions."""
    return list(islice(run.read_predictions(), most))


def rows_of(lines: list[Mapping[str, Any]]) -> Rows:
    """Extract the rows from kept lines."""
    names = lines[0]["columns"]
    return Rows.of({name: [line["columns"][name] for line in lines] for name in names})


def outputs_unmerged(predictor: Predictor, run: RunFolder, rows: Rows) -> Outputs:
    """Compute the outputs of a run's model as it was trained: an adapter beside its base."""
    method = make_plugin("methods", predictor.recipe.method)
    if not hasattr(method, "load_apart"):
        return predictor.outputs(rows)
    whole = predictor.model
    predictor.model, _ = method.load_apart(run.model)
    outputs = predictor.outputs(rows)
    predictor.model = whole
    return outputs


def was_merged(run: RunFolder) -> bool:
    """Return True if the run itself merged its model: only its predictions predate the merge."""
    return (run.model / "adapter").is_dir()


def refuse_other_answers(
    predictor: Predictor, outputs: Outputs, lines: list[Mapping[str, Any]], rows: Rows
) -> None:
    """Raise if answers differ from those that the run kept, which predate its merge.

    Raises:
        ModelError: More rows are answered differently than another device would explain.
    """
    codec = predictor.codec
    predictions = codec.decode(outputs)
    unlike = 0
    for index, line in enumerate(lines):
        answer = codec.to_json(predictions.answers, index, rows)
        now = plain({"answer": answer, **codec.extra_json(predictions, index)})
        unlike += not is_near(line["predictions"][SYSTEM], now)
    if unlike > MOST_UNLIKE * len(lines):
        raise differs(f"{unlike} of {len(lines)} rows are answered differently than by the run")


def is_near(kept: Any, now: Any) -> bool:
    """Compare an answer with the one that was kept, up to the last digits of its numbers.

    >>> is_near({"answer": "a", "p": [0.5, 0.5]}, {"answer": "a", "p": [0.501, 0.499]})
    True
    >>> is_near([0.5], [0.6]), is_near("a", "b"), is_near([0.5], [])
    (False, False, False)
    """
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        return kept.keys() == now.keys() and all(is_near(kept[key], now[key]) for key in kept)
    if isinstance(kept, list) and isinstance(now, list):
        return len(kept) == len(now) and all(map(is_near, kept, now))
    if isinstance(kept, float) and isinstance(now, (int, float)):
        return abs(kept - now) <= NEAR * max(1.0, abs(kept))
    return bool(kept == now)


def gap(one: object, other: Any) -> float:
    """Compute the largest difference between two outputs of the same shape.

    It is infinite for texts that differ, and for NaN, which equals nothing.
    """
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
        if np.isnan(one).any() or np.isnan(other).any():
            return float("inf")
        differs = one != other  # equal infinities have no difference
        return float(np.abs(one[differs].astype(float) - other[differs]).max(initial=0.0))
    if isinstance(one, np.ndarray):
        return gap(one.tolist(), other.tolist())
    return 0.0 if one == other else float("inf")
