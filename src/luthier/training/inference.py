"""Kinds of inference: what is computed for each item of a batch.

    logits           (outputs,)         whole rows
    token-logits     (tokens, labels)   every token
    span-logits      (tokens, 2)        every token as a start and as an end
    log-likelihood   (3,)               summed log likelihood of the labels, their number, and how
                                        many of them have the highest probability
    decoder-log-likelihood              the same for an encoder-decoder
    generate         (tokens,)          ids that the model generates after its input
    fill-mask        (holes × 100, 2)   the best ids for each hole, and their probabilities

A third party adds a kind with an entry point in the group `luthier.inference-kinds`. Next:
`predict.py`, which combines batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from luthier.answerers import MOST_GUESSES
from luthier.hf_types import Model, ModelOutput
from luthier.padding import IGNORED
from luthier.ragged import Array
from luthier.training.model_calls import TensorBatch, run_model, targets_of


@dataclass(frozen=True)
class InferenceKind:
    """One kind of inference.

    Args:
        infer: Maps a model and a batch to one array for each item.
        is_ragged: Whether the arrays of items differ in length.
        is_small: Whether outputs are small enough for batches of many short items.
        values: Selects from a model's outputs the tensor (batch, …) of which answers are made; None
            where they are no such outputs, so that decisions on them cannot be explained.
    """

    infer: Callable[[Any, TensorBatch], list[Array]]
    is_ragged: bool = False
    is_small: bool = False
    values: Callable[[ModelOutput], Tensor] | None = None


def _only_logits(outputs: ModelOutput) -> Tensor:
    logits: Tensor = outputs.logits
    return logits


def _borders(outputs: ModelOutput) -> Tensor:
    """Stack the logits of starts and ends, (batch, tokens, 2)."""
    return torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)


def _logits(model: Model, batch: TensorBatch) -> list[Array]:
    return list(_only_logits(run_model(model, batch)).float().cpu().numpy())


def _token_logits(model: Model, batch: TensorBatch) -> list[Array]:
    return _of_tokens(_only_logits(run_model(model, batch)), batch)


def _span_logits(model: Model, batch: TensorBatch) -> list[Array]:
    return _of_tokens(_borders(run_model(model, batch)), batch)


def _of_tokens(values: Tensor, batch: TensorBatch) -> list[Array]:
    """Drop the values of padding."""
    is_token = batch.inputs["attention_mask"].bool().cpu().numpy()
    spread = values.float().cpu().numpy()  # (batch, tokens, width)
    return [one[kept] for one, kept in zip(spread, is_token, strict=True)]


def _log_likelihood(model: Model, batch: TensorBatch) -> list[Array]:
    return _statistics(run_model(model, batch).logits, targets_of(batch))


def _decoder_log_likelihood(model: Model, batch: TensorBatch) -> list[Array]:
    return _statistics(run_model(model, batch, decoder=True).logits, targets_of(batch))


def _statistics(logits: Tensor, labels: Tensor) -> list[Array]:
    """Sum the log likelihoods of labels (batch, tokens), a row at a time to save memory."""
    found = []
    for row, wanted in zip(logits, labels, strict=True):
        counts = wanted != IGNORED
        kept, right = row[counts].float(), wanted[counts]  # (labelled, vocabulary), (labelled,)
        picked = torch.log_softmax(kept, dim=-1).gather(1, right[:, None]).double().sum()
        n_right = (kept.argmax(dim=-1) == right).sum() if len(right) else torch.zeros(())
        found.append(torch.stack([picked.cpu(), counts.sum().cpu(), n_right.cpu()]).double())
    return [one.numpy() for one in found]


def _generate(model: Model, batch: TensorBatch) -> list[Array]:
    """Generate text with the settings of the model's `generation_config`."""
    ids: Tensor = model.generate(**batch.inputs)
    n_given = 1 if model.config.is_encoder_decoder else batch.inputs["input_ids"].shape[1]
    return list(ids[:, n_given:].cpu().numpy())


def _fill_mask(model: Model, batch: TensorBatch) -> list[Array]:
    """Find the best ids for labelled tokens, which are the holes."""
    found = []
    for row, wanted in zip(run_model(model, batch).logits, targets_of(batch), strict=True):
        probabilities = row[wanted != IGNORED].float().softmax(dim=-1)  # (holes, vocabulary)
        best = probabilities.topk(min(MOST_GUESSES, probabilities.shape[-1]), dim=-1)
        pairs = torch.stack([best.indices.double(), best.values.double()], dim=-1)
        found.append(pairs.reshape(-1, 2).cpu().numpy())
    return found


logits = InferenceKind(_logits, is_small=True, values=_only_logits)
token_logits = InferenceKind(_token_logits, is_ragged=True, is_small=True, values=_only_logits)
span_logits = InferenceKind(_span_logits, is_ragged=True, is_small=True, values=_borders)
log_likelihood = InferenceKind(_log_likelihood)
decoder_log_likelihood = InferenceKind(_decoder_log_likelihood)
generate = InferenceKind(_generate, is_ragged=True, values=_only_logits)
fill_mask = InferenceKind(_fill_mask, is_ragged=True, values=_only_logits)
