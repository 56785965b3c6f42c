"""What a model's head reads of each item, and how its outputs follow from that.

    item ─► trunk ─► states (tokens, width) ─► layer ─► … ─► last layer ─► outputs (outputs,)

The layers of the head are found by running the model and watching: those that read one vector of
each item, a pooler's and hidden ones included. A backward pass that ends at the head gives the
slopes of a loss, or of a decision, at each layer. Next: `training_rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from luthier.codec import Codec
from luthier.errors import ModelError
from luthier.explaining.reader import frozen
from luthier.hf_types import Model
from luthier.items import Items
from luthier.models.pooling import mean_of_tokens
from luthier.models.prompts import PromptClassifier
from luthier.models.structure import pretrained, trunk
from luthier.models.trained_head import last_layer
from luthier.ragged import Array
from luthier.records import StepInfo
from luthier.training.model_calls import TensorBatch, run_model, to_tensors
from luthier.training.predict import deal

Total = Callable[[Tensor, TensorBatch], Tensor]  # outputs of a batch -> what is differentiated


@dataclass(frozen=True)
class Traced:
    """What a model's head reads of items, and the slopes of something at its layers.

    Args:
        vectors: Means of the trunk's last states over the tokens of each item, or what a head that
            looks up rows reads, (items, width).
        outputs: (items, outputs).
        read: What each layer of the head reads, by its name, (items, inputs of the layer).
        slopes: What is differentiated, by each layer's outputs, (items, outputs of the layer).
        has_bias: Whether a layer has biases, by its name.
    """

    vectors: Array
    outputs: Array
    read: dict[str, Array]
    slopes: dict[str, Array]
    has_bias: dict[str, bool]

    def take(self, items: Array) -> Traced:
        """Keep the items at `items`, in that order."""
        return Traced(
            self.vectors[items],
            self.outputs[items],
            {name: one[items] for name, one in self.read.items()},
            {name: one[items] for name, one in self.slopes.items()},
            self.has_bias,
        )


class Head:
    """The head of a model that judges whole texts.

    Args:
        model: The model.
        n_outputs: Number of its outputs.

    Raises:
        ModelError: The layer that makes the outputs is not known.
    """

    def __init__(self, model: Model, n_outputs: int):
        self.model = model
        lookup = getattr(model, "classifier", None)
        self.lookup = lookup if isinstance(lookup, nn.Module) and hasattr(lookup, "keys") else None
        self.chosen: Tensor | None = None  # of the last layer's outputs, where not all count
        self.last: nn.Module | None = None
        if self.lookup is None:
            self.last = self._last_layer(n_outputs)

    def _last_layer(self, n_outputs: int) -> nn.Module:
        inner = pretrained(self.model)
        if isinstance(self.model, PromptClassifier):  # scores of words, one of each label
            words = self.model.inner.get_output_embeddings()
            if words is not None:
                self.chosen = self.model.words
                return words
        for one in (self.model, inner):
            found = None if one is None else last_layer(one, n_outputs)
            if found is not None:
                return found[1]
        raise ModelError(
            "The layer that makes this model's outputs was not found.",
            received=f"{type(inner or self.model).__name__} with {n_outputs} outputs",
            hint="leave out --neighbours and --influence; the words are explained without them",
        )

    def trace(
        self, codec: Codec, items: Items, total: Total, *, batch_size: int, phase: str
    ) -> Generator[StepInfo, None, Traced]:
        """Run the model over items and differentiate what `total` makes of each batch's outputs.

        Args:
            codec: The codec, which makes batches.
            items: The encoded rows; at least one.
            total: Maps outputs and their batch to a scalar, a sum over items.
            batch_size: Number of items of 64 tokens in a batch.
            phase: Name of the phase in progress reports.
        """
        self.model.eval()
        device = next(self.model.parameters()).device
        batches, parts = deal(items.cost, batch_size, device=device), []
        for number, chosen in enumerate(batches, start=1):
            parts.append(self.traced(codec, items, chosen, total))
            yield StepInfo(phase, number, len(batches), rows=len(chosen))
        return _joined(parts).take(np.argsort(np.concatenate(batches)))

    def traced(self, codec: Codec, items: Items, chosen: Array, total: Total) -> Traced:
        """Run the model over one batch; see `trace`."""
        device = next(self.model.parameters()).device
        batch = to_tensors(codec.batch(items, chosen)).map(lambda one: one.to(device))
        read: dict[str, Tensor] = {}
        made: dict[str, Tensor] = {}
        vectors: list[Tensor] = []
        with (
            frozen(self.model),
            torch.enable_grad(),
            self._watching(batch, read, made),
            self._pooling(batch, vectors),
        ):
            outputs = run_model(self.model, batch).logits.float()
            summed, asked = total(outputs, batch), [*made.values()]
            found: tuple[Tensor | None, ...] = (None,) * len(asked)
            if summed.requires_grad:  # else no layer of the head made these outputs
                found = torch.autograd.grad(summed, asked, allow_unused=True)
        slopes = {name: one for name, one in zip(made, found, strict=True) if one is not None}
        places = {name: _place(read[name], slopes[name]) for name in slopes}
        modules = dict(self.model.named_modules())
        return Traced(
            _array(vectors[-1]),
            _array(outputs),
            {name: _array(read[name][places[name]]) for name in slopes},
            {name: _array(self._counted(name, slopes[name][places[name]])) for name in slopes},
            {name: getattr(modules[name], "bias", None) is not None for name in slopes},
        )

    def _counted(self, name: str, slopes: Tensor) -> Tensor:
        """Keep the slopes of outputs that count: those of the labels' words."""
        is_last = self.model.get_submodule(name) is self.last
        return slopes[:, self.chosen] if is_last and self.chosen is not None else slopes

    @contextmanager
    def _watching(
        self, batch: TensorBatch, read: dict[str, Tensor], made: dict[str, Tensor]
    ) -> Iterator[None]:
        """Keep what the layers of the head read and make, which slopes are then taken of."""

        def watch(name: str, layer: nn.Module) -> Callable[..., Tensor | None]:
            def keep(_: nn.Module, given: Any, said: Tensor) -> Tensor | None:
                is_vector = given[0].ndim == 2 and len(given[0]) == batch.n_items
                if not is_vector and layer is not self.last:
                    return None
                if not said.requires_grad:
                    said = said.detach().requires_grad_()
                read[name], made[name] = given[0].detach(), said
                return said

            return keep

        with ExitStack() as undo:
            for name, layer in self.model.named_modules():
                if isinstance(layer, nn.Linear):
                    undo.callback(layer.register_forward_hook(watch(name, layer)).remove)
            yield

    @contextmanager
    def _pooling(self, batch: TensorBatch, vectors: list[Tensor]) -> Iterator[None]:
        """Keep the vector of each item by which rows are compared."""

        def keep_read(_: nn.Module, given: Any) -> None:
            vectors.append(given[0].detach())

        def keep_mean(_: nn.Module, __: Any, given: dict[str, Any], said: Any) -> None:
            states = said[0].detach()  # (batch, tokens, width)
            mask = given.get("attention_mask", batch.inputs.get("attention_mask"))
            if mask is None or mask.shape != states.shape[:2]:
                mask = torch.ones(states.shape[:2], device=states.device)
            vectors.append(mean_of_tokens(states, mask))

        if self.lookup is not None:
            hook = self.lookup.register_forward_pre_hook(keep_read)
        else:
            hook = trunk(self.model).register_forward_hook(keep_mean, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()


def nothing(outputs: Tensor, batch: TensorBatch) -> Tensor:
    """Differentiate nothing."""
    return outputs.sum() * 0.0


def _place(read: Tensor, slopes: Tensor) -> Any:
    """Find the token of each item whose outputs count, where a layer ran on all tokens."""
    if read.ndim == 2:
        return slice(None)
    places = slopes.abs().sum(dim=-1).argmax(dim=1)  # (batch,)
    return torch.arange(len(read), device=read.device), places


def _array(values: Tensor) -> Array:
    return values.detach().float().cpu().numpy()


def _joined(parts: list[Traced]) -> Traced:
    def join(ones: list[dict[str, Array]]) -> dict[str, Array]:
        return {name: np.concatenate([one[name] for one in ones]) for name in ones[0]}

    return Traced(
        np.concatenate([one.vectors for one in parts]),
        np.concatenate([one.outputs for one in parts]),
        join([one.read for one in parts]),
        join([one.slopes for one in parts]),
        parts[0].has_bias,
    )
