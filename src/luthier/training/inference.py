"""What is taken from a model for each item of a batch, by the names that tasks use.

    logits           (outputs,)         whole rows
    token-logits     (tokens, labels)   every token
    span-logits      (tokens, 2)        every token as a start and as an end
    log-likelihood   (3,)               summed log likelihood of the labels, their number, and how
                                        many of them the model would have given
    decoder-log-likelihood              the same of an encoder-decoder
    generate         (tokens,)          ids that the model goes on with
    fill-mask        (holes × 100, 2)   the best ids for each hole, and their probabilities

Next: `predict.py`, which puts batches together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from luthier.records import Array
from luthier.training.batch_sampler import Tensors
from luthier.training.losses import IGNORED, run_model

Read = Callable[[Any, Tensors], list[Array]]  # model, batch -> one array for each item
MOST_GUESSES = 100  # for each hole
PER_TOKEN = frozenset(
    {"token-logits", "span-logits", "generate", "fill-mask"}
)  # of unequal lengths


def _logits(model: Any, batch: Tensors) -> list[Array]:
    return list(run_model(model, batch).logits.float().cpu().numpy())


def _token_logits(model: Any, batch: Tensors) -> list[Array]:
    return _of_tokens(run_model(model, batch).logits, batch)


def _span_logits(model: Any, batch: Tensors) -> list[Array]:
    said = run_model(model, batch)
    return _of_tokens(torch.stack([said.start_logits, said.end_logits], dim=-1), batch)


def _of_tokens(values: Tensor, batch: Tensors) -> list[Array]:
    """Leave out what was said of padding."""
    is_token = batch["attention_mask"].bool().cpu().numpy()
    spoken = values.float().cpu().numpy()  # (batch, tokens, width)
    return [said[kept] for said, kept in zip(spoken, is_token, strict=True)]


def _log_likelihood(model: Any, batch: Tensors) -> list[Array]:
    return _statistics(run_model(model, batch).logits, batch["labels"])


def _decoder_log_likelihood(model: Any, batch: Tensors) -> list[Array]:
    return _statistics(run_model(model, batch, decoder=True).logits, batch["labels"])


def _statistics(logits: Tensor, labels: Tensor) -> list[Array]:
    """Sum up how likely labels (batch, tokens) are, row by row: long vocabularies need memory."""
    found = []
    for said, wanted in zip(logits, labels, strict=True):
        counts = wanted != IGNORED
        kept, right = said[counts].float(), wanted[counts]
        picked = torch.log_softmax(kept, dim=-1).gather(1, right[:, None]).double().sum()
        n_right = (kept.argmax(dim=-1) == right).sum() if len(right) else torch.zeros(())
        found.append(torch.stack([picked.cpu(), counts.sum().cpu(), n_right.cpu()]).double())
    return [one.numpy() for one in found]


def _generate(model: Any, batch: Tensors) -> list[Array]:
    """Let the model go on; its settings are those of its `generation_config`."""
    inputs = {name: values for name, values in batch.items() if name != "labels"}
    ids = model.generate(**inputs)
    n_given = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    return list(ids[:, n_given:].cpu().numpy())


def _fill_mask(model: Any, batch: Tensors) -> list[Array]:
    """Look at the tokens that have a label alone: those are the holes."""
    found = []
    for said, wanted in zip(run_model(model, batch).logits, batch["labels"], strict=True):
        probabilities = said[wanted != IGNORED].float().softmax(dim=-1)  # (holes, vocabulary)
        best = probabilities.topk(min(MOST_GUESSES, probabilities.shape[-1]), dim=-1)
        pairs = torch.stack([best.indices.double(), best.values.double()], dim=-1)
        found.append(pairs.reshape(-1, 2).cpu().numpy())
    return found


READINGS: dict[str, Read] = {
    "logits": _logits,
    "token-logits": _token_logits,
    "span-logits": _span_logits,
    "log-likelihood": _log_likelihood,
    "decoder-log-likelihood": _decoder_log_likelihood,
    "generate": _generate,
    "fill-mask": _fill_mask,
}
