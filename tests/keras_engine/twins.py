"""What the tests of twins share: one batch for a model and its twin, and how far both are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import torch

from luthier.items import Batch
from luthier.keras_engine.twin import Twin
from luthier.padding import IGNORED
from luthier.training.model_calls import run_model, to_tensors

LENGTHS = (9, 5, 12)  # tokens of each row
WRITTEN = (4, 7, 3)  # of what is to be written


def unsettled(model: Any) -> Any:
    """Move every weight and buffer at random, so that none is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(7)
    kept = [*model.parameters(), *(one for one in model.buffers() if one.is_floating_point())]
    with torch.no_grad():
        for one in kept:
            one += 0.1 * torch.randn(one.shape, generator=generator)
    return model.eval()


def batch_of(model: Any, *, side: str = "right", types: int = 0, end: bool = False) -> dict:
    """Make a batch of unequal rows; of `types` kinds of tokens, with an end token where asked."""
    rng, config = np.random.default_rng(3), model.config
    width, rows = max(LENGTHS), len(LENGTHS)
    ids = rng.integers(6, config.vocab_size, (rows, width))
    places = np.arange(width) - (width - np.array(LENGTHS)[:, None] if side == "left" else 0)
    mask = (places >= 0) & (places < np.array(LENGTHS)[:, None])
    batch = {"input_ids": np.where(mask, ids, config.pad_token_id), "attention_mask": mask * 1}
    if end:
        batch["input_ids"][places == np.array(LENGTHS)[:, None] - 1] = config.eos_token_id
    if types:
        batch["token_type_ids"] = rng.integers(0, types, (rows, width)) * mask
    return batch


def with_labels(batch: dict, config: Any) -> dict:
    """Put texts to be written beside those that are read."""
    labels = np.random.default_rng(5).integers(6, config.vocab_size, (3, max(WRITTEN)))
    labels[np.arange(max(WRITTEN)) >= np.array(WRITTEN)[:, None]] = IGNORED
    return {**batch, "labels": labels}


def said_by_both(model: Any, twin: Twin, batch: dict) -> tuple[dict, dict]:
    """Run a model and its twin on a batch; what padding says is left out, by ones of `real`."""
    writes = "labels" in batch
    inputs = {name: np.asarray(one) for name, one in batch.items() if name != "labels"}
    tensors = to_tensors(Batch(inputs, batch.get("labels"), len(batch["input_ids"])))
    given = {name: tf.constant(one) for name, one in batch.items() if name != "labels"}
    if writes:
        given |= twin.shifted(tf.constant(batch["labels"]))
    real = batch["labels"] != IGNORED if writes else batch["attention_mask"] == 1
    theirs = run_model(model, tensors, decoder=writes)
    ours = twin(given, training=False)
    names = list(ours)
    kept = {name: real[..., None] if ours[name].ndim == 3 else real for name in names}
    kept = {name: one if ours[name].shape[1] == real.shape[1] else 1 for name, one in kept.items()}
    return (
        {
            name: torch.where(torch.as_tensor(kept[name] == 1), getattr(theirs, name), 0.0)
            for name in names
        },
        {name: tf.where(kept[name] == 1, ours[name], 0.0) for name in names},
    )


def apart(some: Any, others: Any) -> float:
    """Give the largest difference, as a share of the largest value."""
    some, others = np.asarray(some), np.asarray(others)
    return float(np.abs(some - others).max() / np.abs(others).max())


def outputs_apart(model: Any, twin: Twin, batch: dict) -> float:
    """Say how far outputs of a model and its twin are apart."""
    with torch.no_grad():
        theirs, ours = said_by_both(model, twin, batch)
    return max(apart(ours[name], theirs[name].numpy()) for name in ours)


def gradients_apart(model: Any, twin: Twin, batch: dict) -> dict[str, float]:
    """Say for each parameter how far gradients are apart, of sums with random weights.

    What is rounding is not judged: some gradients, those of keys' biases, are zero but for it.
    """
    pairs, rng = list(twin.trained()), np.random.default_rng(1)
    model.zero_grad()
    with tf.GradientTape() as tape:
        tape.watch([pair.variable.value for pair in pairs])
        theirs, ours = said_by_both(model, twin, batch)
        shares = {
            name: rng.normal(size=tuple(one.shape)).astype("f4") for name, one in ours.items()
        }
        total = sum(tf.reduce_sum(one * shares[name]) for name, one in ours.items())
    sum((one * torch.from_numpy(shares[name])).sum() for name, one in theirs.items()).backward()
    found = tape.gradient(total, [pair.variable.value for pair in pairs])
    wanted = {
        name: torch.zeros_like(one) if one.grad is None else one.grad
        for name, one in model.named_parameters()
        if one.requires_grad
    }
    least = 1e-3 * max(float(one.abs().max()) for one in wanted.values())
    for pair, one in zip(pairs, found, strict=True):
        pair.variable.assign(
            tf.zeros_like(pair.variable.value) if one is None else tf.convert_to_tensor(one)
        )
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(0.0 if one.requires_grad else 1.0)
    twin.take_back()  # gradients, by the way that weights go
    got = dict(model.named_parameters())
    return {
        name: float((got[name].detach() - one).abs().max() / max(float(one.abs().max()), least))
        for name, one in wanted.items()
    }


def is_brought_back(model: Any, twin: Twin) -> bool:
    """Say whether weights that are lost come back from the twin as they were, to the bit.

    All but those that no output depends on: XLNet's second stream.
    """
    names = [name for name, one in model.named_parameters() if one.requires_grad]
    names = [name for name in names if not name.endswith("mask_emb")]
    kept = {name: one.detach().clone() for name, one in model.named_parameters()}
    with torch.no_grad():
        for name in names:
            model.get_parameter(name).zero_()
    twin.take_back()
    return all(torch.equal(one, kept[name]) for name, one in model.named_parameters())
