"""Analyse the errors of one system: confusion, calibration, labels, slices, mistakes.

The panels made here go to `panels.json`, and from there to the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from scipy.special import softmax

from luthier.codec import Codec
from luthier.data.labels import is_missing
from luthier.declarations import JSON, Panel
from luthier.evaluation.slices import score_slices
from luthier.media.places import MEDIA
from luthier.media.previews import preview_of
from luthier.metrics.calibration import expected_calibration_error, fit_temperature, reliability
from luthier.metrics.classification import confusion
from luthier.metrics.intervals import interval, resamples
from luthier.ragged import Array
from luthier.records import Gold, Outputs, Predictions, Rows, Target
from luthier.task_types.encode_inputs import cells_of

MOST_MISTAKES = 200
MOST_POINTS = 2000
LONGEST_TEXT = 500
MOST_PICTURES, MOST_PLAYERS = 100, 20  # rows whose pictures and sounds a page holds
TEXTS = ("text", "choices")  # kinds of input that are shown as texts


def analyse(
    codec: Codec,
    gold: Gold,
    rows: Rows,
    predictions: Predictions,
    *,
    validation_outputs: Outputs | None,
    validation_gold: Gold,
    lengths: Array,
    slice_columns: Sequence[str],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> list[Panel]:
    """Analyse a system's answers on the test rows, for `panels.json`.

    The task's own panels stand between those of labels and those of slices and mistakes.
    """
    target = codec.target
    sampling: dict[str, Any] = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    sliced: dict[str, Any] = {"lengths": lengths, "columns": slice_columns, **sampling}
    panels = [
        *_of_kind(target, gold, predictions, validation_outputs, validation_gold),
        Panel(
            "labels",
            "Type by type" if target.kind == "tags" else "Label by label",
            by_label(codec, gold, predictions, **sampling),
        ),
        *panels_of(codec.error_analysis(gold, predictions, rows)),
        Panel(
            "slices",
            "Parts of the test set",
            score_slices(codec, gold, rows, predictions, **sliced),
        ),
        *_of_mistakes(codec, gold, rows, predictions),
    ]
    return [panel for panel in panels if panel.data]


def panels_of(found: Sequence[Panel] | Mapping[str, JSON]) -> list[Panel]:
    """Return a task's error analysis as panels; a mapping has kind to data."""
    if isinstance(found, Mapping):
        return [Panel(kind, "", data) for kind, data in found.items()]
    return list(found)


def _of_kind(
    target: Target,
    gold: Array,
    predictions: Predictions,
    validation_outputs: Outputs | None,
    validation_gold: Array,
) -> Iterator[Panel]:
    """Make the panels that one kind of target alone has."""
    if target.kind == "number":
        pairs = scatter(gold, predictions.answers)
        yield Panel("numbers", "True and predicted", {"pairs": pairs})
    if target.kind == "single-label":
        table = confusion(gold, predictions.answers, n_labels=target.n_outputs)
        yield Panel("confusion", "Confusion", {"labels": list(target.names), "table": table})
        if len(validation_gold):
            found = calibrate(gold, predictions.outputs, validation_gold, validation_outputs)
            yield Panel("calibration", "Calibration", found)


def _of_mistakes(
    codec: Codec, gold: Array, rows: Rows, predictions: Predictions
) -> Iterator[Panel]:
    target = codec.target
    if target.kind not in ("single-label", "multi-label", "number"):
        return
    shown, n_wrong = mistakes(codec, gold, rows, predictions)
    if shown:
        is_number = target.kind == "number"
        data = {"kind": target.kind, "rows": shown, "n_wrong": None if is_number else n_wrong}
        yield Panel("mistakes", "Farthest off" if is_number else "Mistakes", data)


def by_label(
    codec: Codec,
    gold: Gold,
    predictions: Predictions,
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> list[dict[str, JSON]]:
    """Score every label by itself, with the bootstrap interval of its F1."""
    prepared = codec.by_label(gold, predictions)
    if prepared is None:
        return []
    names, score = prepared
    drawn = resamples(len(gold), n_resamples=n_resamples, seed=seed)
    resampled = np.stack([score(weights)[2] for weights in drawn])
    precision, recall, f1, support = score(None)
    found = []
    for label, name in enumerate(names):
        low, high = interval(resampled[:, label], confidence=confidence)
        found.append(
            {
                "label": name,
                "precision": precision[label],
                "recall": recall[label],
                "f1": f1[label],
                "low": low,
                "high": high,
                "support": int(support[label]),
            }
        )
    return found


def calibrate(
    gold: Array, outputs: Outputs, validation_gold: Array, validation_outputs: Outputs
) -> dict[str, JSON]:
    """Measure calibration on the test rows, before and after temperature scaling."""
    temperature = fit_temperature(validation_outputs, validation_gold)
    found: dict[str, JSON] = {"temperature": temperature, "fitted_on": len(validation_gold)}
    for when, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(outputs / divisor, axis=1)
        bins = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == gold)
        found[when] = {"ece": expected_calibration_error(bins), "bins": bins}
    return found


def mistakes(
    codec: Codec, gold: Array, rows: Rows, predictions: Predictions
) -> tuple[list[dict[str, JSON]], int]:
    """List wrong predictions, the most confident (for numbers: the farthest off) first.

    Returns:
        The first of them, and how many there are in all.
    """
    found: dict[int, float] = {}
    for one in codec.mistakes(gold, predictions, rows) or ():
        found.setdefault(one.row, one.size)
    target, texts = codec.target, codec.task.texts(rows)
    shown = [
        {
            "index": row,
            "where": rows.where(row),
            "text": " ⏎ ".join(role[row] for role in texts)[:LONGEST_TEXT],
            "gold": target.to_json(gold[row]),
            "answer": target.to_json(predictions.answers[row]),
            "confidence": size,
        }
        for row, size in islice(found.items(), MOST_MISTAKES)
    ]
    show_inputs(codec, rows, shown)
    return shown, len(found)


def show_inputs(codec: Codec, rows: Rows, shown: Sequence[dict[str, JSON]]) -> None:
    """Add to rows what else they have than texts: small pictures, players, numbers."""
    columns = [one for one in codec.task.columns if one.role in codec.task.input_roles]
    if all(one.kind in TEXTS for one in columns) or codec.limits is None:
        return
    cells = {one.role: cells_of(rows, one, codec.limits) for one in columns}
    for number, row in enumerate(shown):
        row["inputs"] = [
            {"role": one.role, **shown_input(one.kind, cells[one.role][row["index"]], number)}
            for one in columns
        ]


def shown_input(kind: str, cell: Any, number: int) -> dict[str, JSON]:
    """Show one cell; pictures and players of the first rows alone, so that pages stay small."""
    if kind in MEDIA and cell is not None:
        most = MOST_PICTURES if kind == "image" else MOST_PLAYERS
        return {"kind": kind, "data": preview_of(cell, kind) if number < most else None}
    return {"kind": "text", "data": "" if is_missing(cell) else str(cell)[:LONGEST_TEXT]}


def scatter(gold: Array, answers: Array) -> list[list[float]]:
    """Pair true with predicted numbers, evenly subsampled to at most 2,000 rows."""
    every = max(1, -(-len(gold) // MOST_POINTS))
    return [[float(a), float(b)] for a, b in zip(gold[::every], answers[::every], strict=True)]
