"""How large a model a configuration describes, estimated before any memory is taken for it."""

from __future__ import annotations

from luthier.errors import ModelError
from luthier.hf_types import Config
from luthier.process import total_memory

MOST_LAYERS = 1000  # the deepest published language models have fewer than 200
BYTES_A_WEIGHT = 0.5  # at least: four bits, as `qlora` keeps them


def refuse_too_large(config: Config, place: str) -> None:
    """Raise if a configuration describes a model that no machine of this size can hold.

    Building it would take hours or all memory before it failed.

    Raises:
        ModelError: It has too many layers, or its weights alone exceed this machine's memory.
    """
    n_layers = _number(config, "num_hidden_layers")
    if n_layers > MOST_LAYERS:
        raise ModelError(
            f"A model may have at most {MOST_LAYERS:,} layers.",
            received=f"{place}, config.json: num_hidden_layers={n_layers}",
            hint="correct config.json, or copy the model again",
        )
    n_bytes, memory = BYTES_A_WEIGHT * estimated_weights(config), total_memory()
    if n_bytes > memory:
        raise ModelError(
            "The model is larger than the memory of this machine.",
            received=f"{place}, config.json: about {n_bytes / 2**30:,.0f} GiB of weights, "
            f"{memory / 2**30:,.0f} GiB of memory",
            hint="a smaller model or a larger machine; or correct config.json",
        )


def estimated_weights(config: Config) -> int:
    """Estimate the number of weights from a configuration: embeddings, attention, feed-forward.

    Attention has four square matrices a layer, the feed-forward part two of the intermediate width
    (Vaswani et al. 2017, sections 3.2 and 3.3). Layers that are shared count each time.
    """
    width = _number(config, "hidden_size")
    inner = _number(config, "intermediate_size") or 4 * width
    n_layers = 1 if hasattr(config, "num_hidden_groups") else _number(config, "num_hidden_layers")
    heads, head = _number(config, "num_attention_heads"), _number(config, "num_key_value_heads")
    shared = head / heads if heads and head else 1.0  # keys and values of grouped queries
    a_layer = int((2 + 2 * shared) * width * width) + 2 * width * inner
    n_positions = _number(config, "max_position_embeddings")
    return n_layers * a_layer + (_number(config, "vocab_size") + n_positions) * width


def _number(config: Config, field: str) -> int:
    value = getattr(config, field, None)
    return value if isinstance(value, int) and value > 0 else 0
