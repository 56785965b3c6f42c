"""From a model and encoded rows to its outputs, in the rows' order.

Rows are taken longest first, so that a batch holds rows of like length and the largest batch comes
first: memory that would not suffice is found out at once. Only the outputs are kept, so memory
does not grow with the number of batches.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from luthier.records import Encoded, Outputs, StepInfo
from luthier.training.batches import Collate, to_tensors
from luthier.training.follow import follow


def predict(
    model: Any, encoded: Encoded, collate: Collate, *, batch_size: int, phase: str = "predicting"
) -> Generator[StepInfo, None, Outputs]:
    """Run the model over all rows, telling of every batch; returns (rows, outputs) float32."""
    order = np.argsort(-encoded.lengths, kind="stable")
    starts = range(0, len(order), batch_size)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    outputs: Outputs | None = None
    for number, start in enumerate(starts, start=1):
        rows = order[start : start + batch_size]
        batch = to_tensors(collate(encoded, rows))
        batch.pop("labels", None)
        with torch.inference_mode():
            logits = model(**{name: values.to(device) for name, values in batch.items()}).logits
        if outputs is None:
            outputs = np.empty((len(order), logits.shape[-1]), dtype=np.float32)
        outputs[rows] = logits.float().cpu().numpy()
        yield StepInfo(phase, number, len(starts), rows=len(rows))
    model.train(was_training)
    return np.empty((0, 0), dtype=np.float32) if outputs is None else outputs


def predict_quietly(model: Any, encoded: Encoded, collate: Collate, *, batch_size: int) -> Outputs:
    """Run the model over all rows and give the outputs, telling nothing."""
    steps = predict(model, encoded, collate, batch_size=batch_size)
    return follow(steps, lambda info: None)
