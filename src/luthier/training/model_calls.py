"""Runs a model on a batch and selects the outputs that matter.

Next: `losses.py`, which compares them with the targets.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from luthier.errors import ModelError
from luthier.hf_types import Model, ModelOutput
from luthier.items import Batch
from luthier.models.speedups.host_copies import derived, where
from luthier.padding import IGNORED

BORDERS = ("start_logits", "end_logits")  # of answer spans
TensorBatch = Batch[Tensor]


def to_tensors(batch: Batch[Any]) -> TensorBatch:
    """Convert a NumPy batch to PyTorch tensors without copying."""
    return batch.map(torch.from_numpy)


def run_model(model: nn.Module, batch: TensorBatch, *, decoder: bool = False) -> ModelOutput:
    """Run a model on a batch's inputs; a decoder is given the targets, shifted by one.

    Transformers keeps the texts of a packed block apart by their positions, but only without a
    cache. Nothing after a row's last label affects any label, so a decoder treats it as padding.
    No answer starts or ends in padding: those logits are -∞.
    """
    inputs: dict[str, Any] = dict(batch.inputs)
    if "position_ids" in inputs:
        inputs["use_cache"] = False
    if decoder:
        inner = cast(
            "Model", getattr(model, "module", model)
        )  # inside a wrapper for several processes
        labels = targets_of(batch)
        inputs["decoder_input_ids"] = inner.prepare_decoder_input_ids_from_labels(labels=labels)
        inputs["decoder_attention_mask"] = derived(labels, _until_last)
    try:
        outputs: ModelOutput = model(**inputs)
    except IndexError as problem:
        raise ModelError(
            "A token, its position or its type has no row in the model's embeddings.",
            received=f"{_largest_of(inputs)}; the model: {_rows_of(model)}",
            hint="tokenizer.json, tokenizer_config.json and config.json of one model; if positions "
            "are too large, a smaller data.max_tokens",
        ) from problem
    real = inputs.get("attention_mask")
    for name in BORDERS:
        logits = getattr(outputs, name, None)
        if logits is not None and real is not None and logits.shape == real.shape:
            setattr(outputs, name, logits.masked_fill(~real.bool(), float("-inf")))
    return outputs


def _largest_of(inputs: dict[str, Any]) -> str:
    numbers = {name: one for name, one in inputs.items() if isinstance(one, Tensor)}
    whole = {name: one for name, one in numbers.items() if not one.is_floating_point()}
    largest = ", ".join(f"{name} up to {int(one.max())}" for name, one in whole.items())
    return f"{largest}, {max((one.shape[-1] for one in whole.values()), default=0)} positions"


def _rows_of(model: nn.Module) -> str:
    tables = (one for one in model.named_modules() if isinstance(one[1], nn.Embedding))
    return ", ".join(f"{name.rpartition('.')[2]} {one.num_embeddings}" for name, one in tables)


def targets_of(batch: TensorBatch) -> Tensor:
    """Return the targets of a batch, which must have some."""
    if batch.targets is None:
        raise ValueError("this kind of batch has no targets")
    return batch.targets


def _until_last(labels: Tensor) -> Tensor:
    """Mark the first token and all up to the last labelled one, (batch, tokens)."""
    # counted from the right: positive up to the last label of each row
    kept = (labels != IGNORED).flip(1).cumsum(dim=1).flip(1) > 0
    kept[:, 0] = True
    return kept.long()


def logits_of(outputs: ModelOutput) -> list[Tensor]:
    """Return a model's logits, whichever fields its head has for them."""
    names = ("logits", *BORDERS)
    return [one for name in names if (one := getattr(outputs, name, None)) is not None]


def logits_that_count(outputs: ModelOutput, batch: TensorBatch, *, decoder: bool) -> list[Tensor]:
    """Return a model's logits at all positions but padding.

    Args:
        outputs: The model's outputs for the batch.
        batch: The batch.
        decoder: Whether the logits are of the target tokens rather than of the input tokens.
    """
    real = _until_last(targets_of(batch)) if decoder else batch.inputs["attention_mask"]
    borders = [one for name in BORDERS if (one := getattr(outputs, name, None)) is not None]
    logits = getattr(outputs, "logits", None)
    if logits is not None and logits.ndim == 3 and logits.shape[:2] == real.shape:
        return [logits[real.bool()]]
    kept = [one[real.bool()] if one.shape == real.shape else one for one in borders]
    return kept if logits is None else [logits, *kept]


def logits_at_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits of labelled tokens, (labelled, outputs).

    Args:
        logits: (batch, tokens, outputs), or (1, labelled, outputs) if the head ran on these alone.
        labels: (batch, tokens).
    """
    if logits.shape[:2] != labels.shape:
        return logits[0]
    return logits.flatten(0, 1).index_select(0, labelled(labels))


def labelled(labels: Tensor) -> Tensor:
    """Return the flat indices of the labelled tokens, (labelled,)."""
    return where(labels, lambda one: one != IGNORED)
