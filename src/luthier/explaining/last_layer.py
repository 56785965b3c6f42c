"""What a model's last layer reads of each item: the space in which training rows are compared.

    item ─► trunk ─► … ─► what the last layer reads (width,) ─► last layer ─► outputs (outputs,)

It is found by running the model as it is and watching the layer; that weight times vector gives the
outputs is checked, not assumed. Next: `training_rows.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from luthier.codec import Codec
from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.items import Items
from luthier.models.pooling import last_token
from luthier.models.prompts import PromptClassifier
from luthier.models.structure import pretrained
from luthier.models.trained_head import last_layer
from luthier.models.wrapper import HeadOutput
from luthier.ragged import Array
from luthier.records import StepInfo
from luthier.training.predict import infer_items

ALIKE = 1e-3  # how far weight times vector may be from the outputs, relative to the largest


@dataclass(frozen=True)
class LastLayer:
    """The layer that makes a model's outputs.

    Args:
        module: The layer; linear, or one that looks up stored rows.
        weight: Its weights, (outputs, width); None where it looks up.
        bias: Its biases, (outputs,); None without.
    """

    module: nn.Module
    weight: Tensor | None = None
    bias: Tensor | None = None

    @property
    def looks_up(self) -> bool:
        """Whether it predicts from stored rows rather than from weights."""
        return hasattr(self.module, "keys")


@dataclass(frozen=True)
class Vectors:
    """What the last layer reads of items, and what it makes of that.

    Args:
        read: (items, width).
        outputs: (items, outputs).
    """

    read: Array
    outputs: Array


def last_layer_of(model: Model, n_outputs: int) -> LastLayer:
    """Find the layer that makes the outputs of a model that judges whole texts.

    Args:
        model: The model.
        n_outputs: Number of its outputs.

    Raises:
        ModelError: None of its layers is known to be it.
    """
    classifier = getattr(model, "classifier", None)
    if isinstance(classifier, nn.Module) and hasattr(classifier, "keys"):
        return LastLayer(classifier)
    if isinstance(model, PromptClassifier):  # scores of words, of which each label has one
        words = model.inner.get_output_embeddings()
        if words is not None:
            bias = None if words.bias is None else words.bias[model.words]
            return LastLayer(words, words.weight[model.words], bias)
    inner = pretrained(model)
    for one in (model, inner):
        found = None if one is None else last_layer(one, n_outputs)
        if found is not None:
            return LastLayer(found[1], found[1].weight, found[1].bias)
    raise ModelError(
        "The layer that makes this model's outputs was not found.",
        received=f"{type(inner or model).__name__} with {n_outputs} outputs",
        hint="leave out --neighbours and --influence; the words are explained without them",
    )


class Watched(nn.Module):
    """A model whose `logits` are what its last layer reads, followed by its outputs.

    Args:
        model: The model.
        layer: Its last layer.
    """

    def __init__(self, model: Model, layer: nn.Module):
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return both as `logits`, (batch, width + outputs)."""
        with _watching(self.layer) as seen:
            outputs = self.model(**batch).logits.float()  # (batch, outputs)
        vectors = seen[-1].float()
        if vectors.ndim == 3:  # (batch, tokens, width): a decoder's head, or a single place
            mask = batch["attention_mask"] if vectors.shape[1] > 1 else outputs.new_ones(1, 1)
            vectors = last_token(vectors, mask.expand(len(vectors), -1))
        return HeadOutput(logits=torch.cat([vectors, outputs], dim=1))


def read_vectors(
    model: Model, layer: LastLayer, codec: Codec, items: Items, *, batch_size: int, phase: str
) -> Generator[StepInfo, None, Vectors]:
    """Compute what the last layer reads of items.

    Args:
        model: The model.
        layer: Its last layer.
        codec: The codec, which makes batches.
        items: The encoded rows.
        batch_size: Number of items of 64 tokens in a batch.
        phase: Name of the phase in progress reports.

    Raises:
        ModelError: The layer's weights do not give the model's outputs.
    """
    watched = Watched(model, layer.module).eval()  # or inferring would leave the model training
    both = yield from infer_items(watched, items, codec, batch_size=batch_size, phase=phase)
    n_outputs = codec.target.n_outputs
    joined = np.asarray(both)
    found = Vectors(joined[:, :-n_outputs], joined[:, -n_outputs:])
    _refuse_other_outputs(layer, found)
    return found


def _refuse_other_outputs(layer: LastLayer, found: Vectors) -> None:
    if layer.weight is None:
        return
    expected = found.read @ layer.weight.detach().float().cpu().numpy().T
    if layer.bias is not None:
        expected = expected + layer.bias.detach().float().cpu().numpy()
    difference = float(np.abs(expected - found.outputs).max(initial=0.0))
    if difference > ALIKE * max(1.0, float(np.abs(found.outputs).max(initial=0.0))):
        raise ModelError(
            "What this model's last layer reads does not explain its outputs.",
            received=f"outputs that differ by {difference:.2g} from weight times vector",
            hint="leave out --neighbours and --influence; the words are explained without them",
        )


@contextmanager
def _watching(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Keep what a layer reads."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, given: Any) -> None:
        seen.append(given[0])

    hook = layer.register_forward_pre_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()
