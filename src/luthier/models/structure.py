"""Find the parts of a model by its structure rather than by a list of families.

A classification model of Transformers consists of a trunk (`base_model`) and a head, which is
everything else. The trunk's blocks are its only list of `num_hidden_layers` modules.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils.generic import ModelOutput

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.pooling import Pooling, last_token, mean_of_tokens

FRESH = "fresh_weights"  # attribute of a model: names of the weights its checkpoint lacks
MISFIT = "misfit_weights"  # likewise: names of those that its checkpoint has in another shape


def trunk(model: Model) -> Model:
    """Return the pre-trained part of a model, without its head."""
    return model.base_model


def pretrained(model: nn.Module) -> Model | None:
    """Return the model of Transformers that a model is or contains; None if there is none."""
    found = (one for one in model.modules() if isinstance(one, PreTrainedModel))
    return cast("Model | None", next(found, None))


def layers(model: Model) -> nn.ModuleList:
    """Return the trunk's blocks, bottom first; one block if it is shared by all layers (ALBERT).

    Raises:
        ModelError: The model has no list of blocks.
    """
    n_layers = model.config.num_hidden_layers
    for module in trunk(model).modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return module
    lists = [module for module in trunk(model).modules() if isinstance(module, nn.ModuleList)]
    if lists:
        return lists[0]
    raise ModelError(
        "This model's blocks cannot be found.",
        received=model.config.model_type,
        hint="leave out drop_top, reinitialise_top and freeze_bottom",
    )


def depths(model: Model) -> dict[str, int]:
    """Return the depth of each parameter: 0 for embeddings, 1 and up for blocks, most for the head.

    Blocks of an encoder and of a decoder are each counted from the bottom.

    Raises:
        ModelError: The model shares one block among all layers, so there are no depths.
    """
    if shares_layers(model):
        raise ModelError(
            f"{model.config.model_type} shares one block among all layers.",
            received="a method that goes by layers",
            hint="method=full or method=lora",
        )
    lists = [part for part in blocks(model) if len(part) > 1] or blocks(model)
    depth_of = {
        id(parameter): depth
        for part in lists
        for depth, block in enumerate(part, start=1)
        for parameter in block.parameters()
    }
    for module in embeddings(model):
        depth_of |= {id(parameter): 0 for parameter in module.parameters()}
    top = 1 + max(len(part) for part in lists)
    return {name: depth_of.get(id(one), top) for name, one in model.named_parameters()}


def shares_layers(model: Model) -> bool:
    """Return whether one block is shared by several layers, as in ALBERT."""
    return len(layers(model)) != int(model.config.num_hidden_layers)


def blocks(model: Model) -> list[nn.ModuleList]:
    """Return the trunk's lists of blocks: one, or the encoder's and the decoder's."""
    if not getattr(model.config, "is_encoder_decoder", False):
        return [layers(model)]
    config = model.config
    n_layers = {
        config.num_hidden_layers,
        *(getattr(config, name, None) for name in ("decoder_layers", "num_decoder_layers")),
    }
    lists = [part for part in trunk(model).modules() if isinstance(part, nn.ModuleList)]
    return [part for part in lists if len(part) in n_layers]


def stacks(model: Model) -> list[tuple[Model, list[nn.Module]]]:
    """Return the encoder and the decoder of a model, each with its blocks in order.

    Raises:
        ModelError: One of them has no list of blocks.
    """
    found = []
    for stack in (model.get_encoder(), model.get_decoder()):
        lists = [part for part in stack.modules() if isinstance(part, nn.ModuleList)]
        if not lists or stack is model:
            raise ModelError(
                "The blocks of this model's encoder and decoder cannot be found.",
                received=model.config.model_type,
                hint="training.unpadded=false",
            )
        found.append((stack, list(lists[0])))  # the outermost comes first
    return found


def attentions(block: nn.Module) -> list[nn.Module]:
    """Return a block's attention modules, found by class name; of nested ones, the innermost."""
    named = [part for part in block.modules() if "Attention" in type(part).__name__]
    return [
        part
        for part in named
        if not any(other is not part and other in set(part.modules()) for other in named)
    ]


def embeddings(model: Model) -> list[nn.Module]:
    """Return the modules that turn token ids, pixels or samples into the first states."""
    base = trunk(model)
    whole = getattr(base, "embeddings", None)
    if isinstance(whole, nn.Module):
        return [whole]
    heard = [getattr(base, name, None) for name in ("feature_extractor", "feature_projection")]
    if isinstance(heard[0], nn.Module):  # of speech
        return [module for module in heard if isinstance(module, nn.Module)]
    found = [base.get_input_embeddings(), getattr(base, "wpe", None)]
    return [module for module in found if isinstance(module, nn.Module)]


def head_modules(model: Model) -> tuple[str, ...]:
    """Return the names of the head's modules that have to be trained.

    Language heads are pre-trained, so of these only the modules that the checkpoint lacks (`FRESH`)
    are named, and none that is tied to the embeddings.
    """
    base = trunk(model)
    if hasattr(model, "get_output_embeddings") and model.get_output_embeddings() is not None:
        words = model.get_input_embeddings().weight
        owners = dict.fromkeys(key.rpartition(".")[0] for key in getattr(model, FRESH, ()))
        return tuple(
            name
            for name in owners
            if all(one is not words for one in model.get_submodule(name).parameters())
        )
    beside = [
        name
        for name, child in model.named_children()
        if child is not base and any(True for _ in child.parameters())
    ]
    inside = {id(module) for module in base.modules()}
    poolers = [  # checkpoints of masked language models lack them
        name
        for name in dict.fromkeys(key.rpartition(".")[0] for key in getattr(model, FRESH, ()))
        if id(model.get_submodule(name)) in inside
    ]
    return (*beside, *poolers)


def embeddings_of_words(model: nn.Module) -> list[nn.Embedding]:
    """Return the table of token embeddings; none of models that read pixels or samples."""
    try:
        found = cast("Model", model).get_input_embeddings()
    except NotImplementedError:
        return []
    return [found] if isinstance(found, nn.Embedding) else []


def new_weights(model: nn.Module) -> set[int]:
    """Return the identities of the parameters that come from no checkpoint: those of a head."""
    inner = pretrained(model)
    if inner is None:
        return set()
    known = {id(one) for one in inner.parameters()}
    fresh = {*getattr(inner, FRESH, ()), *getattr(inner, MISFIT, ())}
    words = next(iter(embeddings_of_words(inner)), None)
    new = {id(one) for one in model.parameters()} - known
    new |= {id(one) for name, one in inner.named_parameters() if name in fresh}
    return new - {id(words.weight)} if words is not None else new


def trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Iterate over the trained parameters."""
    return ((name, one) for name, one in model.named_parameters() if one.requires_grad)


def pretrained_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trained weights that come from the checkpoint: no head, norm, bias or adapter.

    Args:
        model: A model of Transformers, or whatever contains one.
    """
    inner = pretrained(model)
    if inner is None:
        return {}
    is_trunk = trunk(inner) is inner
    heads = () if is_trunk else tuple(f"{name}." for name in head_modules(inner))
    fresh = set(getattr(inner, FRESH, ()))
    kept = {
        id(one)
        for name, one in inner.named_parameters()
        if name not in fresh and not name.startswith(heads)
    }
    return {name: one for name, one in trained(model) if one.ndim >= 2 and id(one) in kept}


def linear_layers(model: Model) -> list[str]:
    """Return the names of the linear layers in the trunk's blocks, a decoder's included."""
    inside = {id(module) for part in blocks(model) for module in part.modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and isinstance(module, (nn.Linear, Conv1D))
    ]


def down_projections(model: Model) -> list[str]:
    """Return the names of the linear layers whose output is narrower than their input."""
    narrowing = []
    for name in linear_layers(model):
        layer = model.get_submodule(name)
        rows, columns = layer.get_parameter("weight").shape
        n_in, n_out = (rows, columns) if isinstance(layer, Conv1D) else (columns, rows)
        if n_in > n_out:
            narrowing.append(name)
    return narrowing


def norms(model: Model) -> list[str]:
    """Return the names of the trunk's normalisation layers."""
    inside = {id(module) for module in trunk(model).modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and "Norm" in type(module).__name__
    ]


def is_transposed(model: Model) -> bool:
    """Return whether weights of linear layers are stored as (inputs, outputs), as in GPT-2."""
    return any(isinstance(module, Conv1D) for module in layers(model).modules())


def freeze_but(model: Model, is_trained: Callable[[str], bool]) -> list[str]:
    """Freeze all parameters except those to be trained, and return the names of these.

    Parameters that the recipe froze stay frozen.
    """
    trained = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and is_trained(name))
        if parameter.requires_grad:
            trained.append(name)
    return trained


def compute_again(model: Model) -> None:
    """Recompute activations in the backward pass, which takes time and saves memory."""
    # Transformers 5.2x renamed it; version 6 will remove the old name.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)()


def count_parameters(model: Model) -> tuple[int, int]:
    """Count all parameters and the trained ones."""
    parameters = list(model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return sum(p.numel() for p in parameters), trained


def pooled_features(model: Model, batch: dict[str, Tensor]) -> Tensor:
    """Average the trunk's last states over the tokens of each row, (batch, width)."""
    states: Tensor = trunk(model)(**batch).last_hidden_state  # (batch, tokens, width)
    return mean_of_tokens(states, batch["attention_mask"])


@dataclass
class Stored(ModelOutput):
    """A trunk's outputs, with the fields that heads read."""

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    past_key_values: Any = None
    mems: Any = None
    hidden_states: Any = None
    attentions: Any = None


class StoredTrunk(nn.Module):
    """Replaces the trunk and returns stored features as its outputs."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Stored:
        """Return features (batch, 1, width) as the states of a single token."""
        return Stored(last_hidden_state=inputs_embeds, pooler_output=inputs_embeds[:, 0])


class Head(nn.Module):
    """A model's head without its trunk, sharing its weights: features (batch, width) to logits."""

    def __init__(self, model: Model):
        super().__init__()
        tail = copy.copy(model)
        base = trunk(model)
        tail._modules = {
            name: StoredTrunk() if child is base else child
            for name, child in model._modules.items()
        }
        self.tail = tail

    def forward(self, features: Tensor) -> Tensor:
        """Run the model's own forward with the features as the states of a single token."""
        logits: Tensor = self.tail(inputs_embeds=features[:, None]).logits
        return logits


class Probe:
    """A classification model split into its head and the features that the head reads.

    Args:
        model: The classification model.
    """

    def __init__(self, model: Model):
        self.model = model
        self.head = Head(model)
        self.of: str | None = getattr(model, "pooled_from", None)  # what the features are

    @torch.no_grad()
    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """Compute the input of the head, (batch, width).

        This is the trunk's pooled output if it has one, else the state that the head reads.
        """
        outputs = trunk(self.model)(**batch)
        pooled: Tensor | None = getattr(outputs, "pooler_output", None)
        if pooled is not None and not hasattr(self.model, "pooling_name"):
            return pooled
        return read_by_head(self.model, outputs.last_hidden_state, batch["attention_mask"])


def probe_of(model: Model) -> Probe:
    """Split a model between its trunk and its head.

    Raises:
        ModelError: The head has weights for pooling tokens, or needs the token ids, so there is no
            single vector to store.
    """
    if getattr(model, "pooling_name", None) == "attention":
        raise ModelError(
            "Attention pooling is trained: the head's input cannot be computed once and stored.",
            received="model.pooling=attention",
            hint="model.pooling=mean",
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"The head of {model.config.model_type} looks for a token of the text itself.",
            received=model.config.model_type,
            hint="method=lora trains few weights too",
        )
    return Probe(model)


def first_linear(head: nn.Module) -> nn.Linear:
    """Return the first linear layer of a head."""
    return next(part for part in head.modules() if isinstance(part, nn.Linear))


def read_by_head(model: Model, states: Tensor, mask: Tensor) -> Tensor:
    """Pool the trunk's states (batch, tokens, width) as the head does, (batch, width)."""
    pooling: Pooling | None = getattr(model, "pooling", None)  # of our own heads
    if pooling is not None and hasattr(model, "pooling_name"):
        return pooling(states, mask)
    place = read_place(model)
    if place == "mean":
        return mean_of_tokens(states, mask)
    return last_token(states, mask) if place == "last" else states[:, 0]


def read_place(model: Model) -> Literal["first", "last", "mean"]:
    """Return which state of a text a head of Transformers reads: one of them, or their mean."""
    if getattr(model.config, "classifier_pooling", None) == "mean":
        return "mean"
    reads_last = hasattr(model, "score") or getattr(model.config, "summary_type", "") == "last"
    return "last" if reads_last else "first"
