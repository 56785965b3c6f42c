"""What tests of families share: a random model and its twin, what both say and how they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import torch
from keras import ops

from luthier.keras_engine.twin import Twin

WORDS = 50
SAID = ("logits", "start_logits", "end_logits")


def shaken(model: Any, seed: int = 0) -> Any:
    """Draw all weights anew, so that no bias is 0 and no normalisation does nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, one in model.named_parameters():
            is_scale = "norm" in name.lower() and name.endswith("weight")
            one.copy_(0.2 * torch.randn(one.shape, generator=generator) + float(is_scale))
    return model.eval()


def batch_of(lengths: tuple[int, ...], *, pad: int, n_types: int = 0) -> dict[str, torch.Tensor]:
    """Draw rows of these lengths, padded at their right."""
    generator = torch.Generator().manual_seed(len(lengths))
    shape = (len(lengths), max(lengths))
    mask = (torch.arange(shape[1]) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(pad + 1, WORDS, shape, generator=generator)
    batch = {"input_ids": torch.where(mask == 1, ids, pad), "attention_mask": mask}
    if n_types:
        batch["token_type_ids"] = torch.randint(n_types, shape, generator=generator)
    return batch


def numpys(batch: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Give a batch as the twin takes it."""
    return {name: one.numpy() for name, one in batch.items()}


def said_by_torch(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give what a model says, by name."""
    said = model(**batch)
    return {name: getattr(said, name) for name in SAID if getattr(said, name, None) is not None}


def weights_of(said: dict[str, torch.Tensor], mask: torch.Tensor) -> dict[str, np.ndarray]:
    """Draw a weight for all that is said of whole texts and of real tokens; that of others is 0."""
    drawn = np.random.default_rng(0)
    weights = {}
    for name, one in said.items():
        values = drawn.normal(size=one.shape).astype(np.float32)
        if name != "logits" or one.dim() == 3:
            values *= mask.numpy().reshape(mask.shape + (1,) * (one.dim() - 2))
        weights[name] = values
    return weights


def difference(twin: Twin, model: Any, batch: dict[str, torch.Tensor]) -> float:
    """Give the largest difference of what both say, as a share of the largest that is said."""
    with torch.no_grad():
        said = said_by_torch(model, batch)
    others = twin(numpys(batch), training=False)
    assert said.keys() == others.keys()
    shares = []
    for name, weights in weights_of(said, batch["attention_mask"]).items():
        one, other = said[name].numpy()[weights != 0], np.asarray(others[name])[weights != 0]
        assert one.std() > 1e-3
        shares.append(np.abs(one - other).max() / np.abs(one).max())
    return float(max(shares))


def gradients(
    twin: Twin, model: Any, batch: dict[str, torch.Tensor]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give both gradients of a weighted sum of what is said, by the parameter's name."""
    said = said_by_torch(model, batch)
    weights = weights_of(said, batch["attention_mask"])
    sum((said[name] * torch.from_numpy(weights[name])).sum() for name in said).backward()
    variables = [pair.variable.value for pair in twin.pairs]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        others = twin(numpys(batch), training=False)
        loss = sum(ops.sum(others[name] * weights[name]) for name in others)
    for pair, one in zip(twin.pairs, tape.gradient(loss, variables), strict=True):
        pair.variable.assign(tf.convert_to_tensor(one))
    twin.take_back()  # now each weight of the model is the twin's gradient of it
    return {
        name: (one.grad.numpy(), one.detach().numpy())
        for name, one in model.named_parameters()
        if one.grad is not None
    }
