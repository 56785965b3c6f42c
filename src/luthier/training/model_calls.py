"""Runs a model on a batch, and takes the parts of its outputs that count.

Next: `losses.py`, which compares them with the targets.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from luthier.items import Batch
from luthier.models.speedups.host_copies import derived, where
from luthier.padding import IGNORED

BORDERS = ("start_logits", "end_logits")  # of answers
TensorBatch = Batch[Tensor]


def to_tensors(batch: Batch[Any]) -> TensorBatch:
    """Hand a NumPy batch to PyTorch, without a copy."""
    return batch.map(torch.from_numpy)


def run_model(model: Any, batch: TensorBatch, *, decoder: bool = False) -> Any:
    """Run a model on a batch's inputs; a decoder is given the targets, shifted by one.

    Transformers separates the texts of one block by their positions, but only without a cache.
    What follows a row's last label reaches no label, so a decoder treats it as padding. No answer
    begins or ends in padding: the logits of such borders are -∞.
    """
    inputs: dict[str, Any] = dict(batch.inputs)
    if "position_ids" in inputs:
        inputs["use_cache"] = False
    if decoder:
        inner = getattr(model, "module", model)  # inside a wrapper for several processes
        labels = targets_of(batch)
        inputs["decoder_input_ids"] = inner.prepare_decoder_input_ids_from_labels(labels=labels)
        inputs["decoder_attention_mask"] = derived(labels, _until_last)
    outputs = model(**inputs)
    real = inputs.get("attention_mask")
    for name in BORDERS:
        logits = getattr(outputs, name, None)
        if logits is not None and real is not None and logits.shape == real.shape:
            setattr(outputs, name, logits.masked_fill(~real.bool(), float("-inf")))
    return outputs


def targets_of(batch: TensorBatch) -> Tensor:
    """Return the targets of a batch that must have some."""
    if batch.targets is None:
        raise ValueError("this kind of batch has no targets")
    return batch.targets


def _until_last(labels: Tensor) -> Tensor:
    """Mark all tokens up to the last that has a label, and the first one, (batch, tokens)."""
    kept = (labels != IGNORED).flip(1).cumsum(dim=1).flip(1) > 0
    kept[:, 0] = True
    return kept.long()


def logits_of(outputs: Any) -> list[Tensor]:
    """Return a model's logits, by the fields that heads have for them."""
    names = ("logits", *BORDERS)
    return [one for name in names if (one := getattr(outputs, name, None)) is not None]


def logits_that_count(outputs: Any, batch: TensorBatch, *, decoder: bool) -> list[Tensor]:
    """Return a model's logits without those of padding.

    Args:
        outputs: The model's outputs for the batch.
        batch: The batch.
        decoder: Whether logits belong to the targets' tokens rather than to the inputs'.
    """
    real = _until_last(targets_of(batch)) if decoder else batch.inputs["attention_mask"]
    borders = [one for name in BORDERS if (one := getattr(outputs, name, None)) is not None]
    logits = getattr(outputs, "logits", None)
    if logits is not None and logits.ndim == 3 and logits.shape[:2] == real.shape:
        return [logits[real.bool()]]
    kept = [one[real.bool()] if one.shape == real.shape else one for one in borders]
    return kept if logits is None else [logits, *kept]


def logits_at_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits of tokens that have a label, (labelled, outputs).

    Args:
        logits: (batch, tokens, outputs); or (1, labelled, outputs), of a head that saw no others.
        labels: (batch, tokens).
    """
    if logits.shape[:2] != labels.shape:
        return logits[0]
    return logits.flatten(0, 1).index_select(0, labelled(labels))


def labelled(labels: Tensor) -> Tensor:
    """Return the places among all tokens that have a label, (labelled,)."""
    return where(labels, lambda one: one != IGNORED)
