"""A model of PyTorch as graphs of ONNX: one that judges, or those of one that writes.

`torch.export` follows a model once, for batches of any size and length. A model that writes is a
decoder that also takes and gives the attention's keys and values of what it read; it is traced with
a past, and read with an empty one too. What `onnx_models/writer.py` calls them is decided here.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from luthier.onnx_models.description import ENCODER, MODEL
from luthier.onnx_models.writer import MASK, POSITIONS, READ, WRITTEN

BATCH_AXIS = "batch"
AXES = {0: BATCH_AXIS, 1: "tokens"}
CHOICES = {0: BATCH_AXIS, 1: "choices", 2: "tokens"}
UNTRACED = (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError)
States = Sequence[Tensor]  # key and value of every layer, (batch, heads, tokens, width) each


class Positional(nn.Module):
    """A model whose arguments and outputs stand in an order, as those of a graph do.

    Args:
        model: The model.
        inputs: Names of its arguments.
        outputs: Names of its outputs.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[str], outputs: Sequence[str]):
        super().__init__()
        self.model, self.inputs, self.outputs = model, tuple(inputs), tuple(outputs)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs, float32."""
        found = self.model(**dict(zip(self.inputs, values, strict=True)))
        return tuple(getattr(found, name).float() for name in self.outputs)


class Encoding(nn.Module):
    """What the decoder of an encoder–decoder attends to in a text."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return the keys and values; the decoder's other work is dropped from the graph."""
        found = self.model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=ids[:, :1], use_cache=True
        )
        return states_of(found.past_key_values.cross_attention_cache)


class Decoding(nn.Module):
    """The decoder of an encoder–decoder, with what it read and what it attends to."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, past: States, cross: States) -> tuple[Tensor, ...]:
        """Return the logits, and the keys and values with those of the new tokens."""
        width = self.model.config.hidden_size
        unread = (
            mask[:, :, None].expand(-1, -1, width).to(self.model.dtype)
        )  # only its shape counts
        found = self.model(
            encoder_outputs=(unread,),
            attention_mask=mask,
            decoder_input_ids=ids,
            past_key_values=EncoderDecoderCache(cache_of(past), cache_of(cross)),
            use_cache=True,
        )
        return found.logits.float(), *states_of(found.past_key_values.self_attention_cache)


class Continuing(nn.Module):
    """A decoder without an encoder, with what it read."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(
        self, ids: Tensor, mask: Tensor, places: Tensor, past: States
    ) -> tuple[Tensor, ...]:
        """Return the logits, and the keys and values with those of the new tokens."""
        found = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache_of(past),
            use_cache=True,
        )
        return found.logits.float(), *states_of(found.past_key_values)


def cache_of(states: States) -> DynamicCache:
    """Make a cache of keys and values."""
    cache = DynamicCache()
    for layer, (key, value) in enumerate(zip(states[::2], states[1::2], strict=True)):
        cache.update(key, value, layer)
    return cache


def states_of(cache: Any) -> tuple[Tensor, ...]:
    """Return the keys and values of a cache, layer by layer."""
    return tuple(one for layer in cache.layers for one in (layer.keys, layer.values))


def names_of(kind: str, states: States) -> list[str]:
    """Name keys and values, such as `past.0.key`."""
    return [f"{kind}.{at // 2}.{('key', 'value')[at % 2]}" for at in range(len(states))]


def trace(
    model: nn.Module, given: Mapping[str, Tensor], outputs: Sequence[str], *, long: Sequence[str]
) -> Any:
    """Trace a model that judges, for batches of any size and length.

    Args:
        model: The model.
        given: A batch of at least two items, by the names of the model's arguments.
        outputs: Names of the model's outputs.
        long: Arguments with tokens; the others have one width. `text.input_ids` is of the input
            `text`, which has a length of its own.
    """
    module = Positional(model, tuple(given), outputs)
    roles = list(dict.fromkeys(name.rpartition(".")[0] for name in long))
    axes = []
    for name, one in given.items():
        place = roles.index(name.rpartition(".")[0]) if name in long else -1
        tokens = f"tokens_{place}" if place > 0 else "tokens"
        of_tokens = {**CHOICES, 2: tokens} if one.ndim == 3 else {**AXES, 1: tokens}
        axes.append(of_tokens if name in long else {0: BATCH_AXIS})
    return program_of(module, tuple(given.values()), (tuple(axes),), list(given), list(outputs))


def trace_writer(model: Any, given: Mapping[str, Tensor]) -> dict[str, Any]:
    """Trace a model that writes, for batches and pasts of any size.

    Args:
        model: The model.
        given: `input_ids` and `attention_mask` of at least two texts, with two tokens at least.

    Returns:
        File name to graph.
    """
    ids, mask = given[READ], given[MASK]
    with attending_plainly(model):
        if model.config.is_encoder_decoder:
            return trace_both(model, ids, mask)
        with torch.no_grad():
            past = list(states_of(model(input_ids=ids, use_cache=True).past_key_values))
        both = torch.cat([mask, mask], dim=1)
        places = (both.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        axes = (
            {0: BATCH_AXIS, 1: "new"},
            {0: BATCH_AXIS, 1: "all"},
            {0: BATCH_AXIS, 1: "new"},
            [{0: BATCH_AXIS, 2: "past"}] * len(past),
        )
        inputs = [READ, MASK, POSITIONS, *names_of("past", past)]
        outputs = ["logits", *names_of("present", past)]
        traced = program_of(Continuing(model), (ids, both, places, past), axes, inputs, outputs)
        return {MODEL: traced}


def trace_both(model: Any, ids: Tensor, mask: Tensor) -> dict[str, Any]:
    """Trace an encoder and its decoder."""
    with torch.no_grad():
        cache = model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=ids[:, :2], use_cache=True
        ).past_key_values
    past = list(states_of(cache.self_attention_cache))
    cross = list(states_of(cache.cross_attention_cache))
    attended = names_of("cross", cross)
    encoder = program_of(Encoding(model), (ids, mask), (AXES, AXES), [READ, MASK], attended)
    begun = torch.cat([ids, ids, ids], dim=1)[:, :3]
    axes = (
        {0: BATCH_AXIS, 1: "new"},
        AXES,
        [{0: BATCH_AXIS, 2: "past"}] * len(past),
        [{0: BATCH_AXIS, 2: "tokens"}] * len(cross),
    )
    inputs = [WRITTEN, MASK, *names_of("past", past), *attended]
    outputs = ["logits", *names_of("present", past)]
    decoder = program_of(Decoding(model), (begun, mask, past, cross), axes, inputs, outputs)
    return {ENCODER: encoder, MODEL: decoder}


def program_of(
    module: nn.Module, given: tuple[Any, ...], axes: Any, inputs: list[str], outputs: list[str]
) -> Any:
    """Trace a module.

    Args:
        module: The module.
        given: Its arguments.
        axes: Names of the axes of each argument that may have any size.
        inputs: Names of the tensors in the arguments.
        outputs: Names of the tensors that it returns.
    """
    program = torch.onnx.export(
        module,
        given,
        dynamo=True,
        dynamic_shapes=axes,
        input_names=inputs,
        output_names=outputs,
        verbose=False,
    )
    if program is None:
        raise ValueError("the exporter gave nothing")
    return program


@contextmanager
def attending_plainly(model: Any) -> Iterator[None]:
    """Let a model attend by matrix products while it is traced, which every family allows."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the exporters, which report on what is not installed and on each of their passes."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
