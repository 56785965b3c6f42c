"""What tests of twins share: random models and batches, and how far a model and its twin differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import torch

from luthier.items import Batch
from luthier.keras_engine.twin import Twin
from luthier.padding import IGNORED
from luthier.training.model_calls import run_model, to_tensors

LENGTHS = (9, 5, 12)  # tokens of each row
WRITTEN = (4, 7, 3)  # tokens of each text to be written


def built_once(build: Callable[..., Any]) -> Callable[..., tuple[Any, Twin]]:
    """Build a model and its twin once for the same words; give both with their first weights."""
    made: dict[tuple[str, ...], tuple[Any, Twin, dict[str, torch.Tensor]]] = {}

    def give(*words: str) -> tuple[Any, Twin]:
        if words not in made:
            model = build(*words)
            weights = {name: one.clone() for name, one in model.state_dict().items()}
            made[words] = model, Twin(model), weights
        model, twin, weights = made[words]
        model.load_state_dict(weights)
        model.zero_grad()
        twin.give()
        return model, twin

    return give


def shaken(model: Any) -> Any:
    """Move every weight and buffer at random, so that none is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(7)
    kept = [*model.parameters(), *(one for one in model.buffers() if one.is_floating_point())]
    with torch.no_grad():
        for one in kept:
            one += 0.1 * torch.randn(one.shape, generator=generator)
    return model.eval()


def batch_of(
    model: Any,
    *,
    lengths: tuple[int, ...] = LENGTHS,
    side: str = "right",
    types: int = 0,
    end: bool = False,
) -> dict:
    """Make a batch of rows of these lengths.

    Args:
        model: The model, whose configuration names the padding token.
        lengths: Number of tokens of each row.
        side: Side of the padding: `left` or `right`.
        types: Number of token types; 0 gives none.
        end: Whether each row ends with an end token.
    """
    rng, config = np.random.default_rng(3), model.config
    width, counts = max(lengths), np.array(lengths)[:, None]
    ids = rng.integers(6, config.vocab_size, (len(lengths), width))
    places = np.arange(width) - (width - counts if side == "left" else 0)
    mask = (places >= 0) & (places < counts)
    batch = {"input_ids": np.where(mask, ids, config.pad_token_id), "attention_mask": mask * 1}
    if end:
        batch["input_ids"][places == counts - 1] = config.eos_token_id
    if types:
        batch["token_type_ids"] = rng.integers(0, types, (len(lengths), width)) * mask
    return batch


def with_labels(batch: dict, config: Any) -> dict:
    """Add texts to be written to a batch of three rows."""
    labels = np.random.default_rng(5).integers(6, config.vocab_size, (3, max(WRITTEN)))
    labels[np.arange(max(WRITTEN)) >= np.array(WRITTEN)[:, None]] = IGNORED
    return {**batch, "labels": labels}


def outputs_of_both(model: Any, twin: Twin, batch: dict) -> tuple[dict, dict]:
    """Run a model and its twin on a batch; outputs at padding are set to 0."""
    writes = "labels" in batch
    given = {name: tf.constant(one) for name, one in batch.items() if name != "labels"}
    if writes:
        given |= twin.shifted(tf.constant(batch["labels"]))
    real = batch["labels"] != IGNORED if writes else batch["attention_mask"] == 1
    inputs = {name: one for name, one in batch.items() if name != "labels"}
    ran_on = Batch(inputs, batch.get("labels"), len(real))
    theirs = run_model(model, to_tensors(ran_on), decoder=writes)
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
    """Compute the largest difference, as a share of the largest value."""
    some, others = np.asarray(some), np.asarray(others)
    assert others.std() > 1e-3
    return float(np.abs(some - others).max() / np.abs(others).max())


def outputs_apart(model: Any, twin: Twin, batch: dict) -> float:
    """Compute how far the outputs of a model and its twin differ."""
    with torch.no_grad():
        theirs, ours = outputs_of_both(model, twin, batch)
    return _most_apart(ours, theirs)


def _most_apart(ours: dict, theirs: dict) -> float:
    return max(apart(ours[name], theirs[name].detach().numpy()) for name in ours)


def all_apart(model: Any, twin: Twin, batch: dict) -> tuple[float, dict[str, float]]:
    """Compute how far the outputs differ, and for each parameter how far the gradients do.

    The gradients are those of sums of the outputs with random weights. Their rounding is not
    judged: some, such as those of the keys' biases, are zero but for it.
    """
    pairs, rng = list(twin.trained()), np.random.default_rng(1)
    model.zero_grad()
    with tf.GradientTape() as tape:
        tape.watch([pair.variable.value for pair in pairs])
        theirs, ours = outputs_of_both(model, twin, batch)
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
    largest = max(float(one.abs().max()) for one in wanted.values())
    assert largest > 0
    for pair, one in zip(pairs, found, strict=True):
        pair.variable.assign(
            tf.zeros_like(pair.variable.value) if one is None else tf.convert_to_tensor(one)
        )
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(0.0 if one.requires_grad else 1.0)
    twin.take_back()  # copies gradients the way that weights are copied
    got = dict(model.named_parameters())
    return _most_apart(ours, theirs), {
        name: float(
            (got[name].detach() - one).abs().max() / max(float(one.abs().max()), 1e-3 * largest)
        )
        for name, one in wanted.items()
    }


def lost_weights(model: Any, twin: Twin) -> set[str]:
    """Zero all trained weights, copy the twin's back, and name those that lost a bit."""
    kept = {name: one.detach().clone() for name, one in model.named_parameters()}
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.zero_()
    twin.take_back()
    return {name for name, one in model.named_parameters() if not torch.equal(one, kept[name])}
