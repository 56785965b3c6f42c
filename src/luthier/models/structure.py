"""Where things are in a model, found by its structure rather than by a list of families.

A classification model of Transformers is a trunk (`base_model`) and a head: everything beside it.
The trunk's blocks are its one list of `num_hidden_layers` modules.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
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

FRESH = "fresh_weights"  # attribute of a model: names of weights of its head that were not read


def trunk(model: Model) -> Model:
    """Give the pre-trained part of a model, without its head."""
    return model.base_model


def pretrained(model: Model) -> Model | None:
    """Give the model of Transformers that a model is or has inside; None where there is none."""
    found = (one for one in model.modules() if isinstance(one, PreTrainedModel))
    return cast("Model | None", next(found, None))


def layers(model: Model) -> nn.ModuleList:
    """Give the trunk's blocks, bottom first.

    Raises:
        ModelError: The model has no list of blocks, or shares one block among all (ALBERT).
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
    """Say how deep each parameter lies: embeddings 0, blocks from 1 on, and the head the most.

    An encoder's blocks and a decoder's are counted alike, each from its bottom.

    Raises:
        ModelError: The model shares one block among all layers, so that there are no depths.
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
    """Say whether one block serves as several layers, as in ALBERT."""
    return len(layers(model)) != int(model.config.num_hidden_layers)


def blocks(model: Model) -> list[nn.ModuleList]:
    """Give the trunk's lists of blocks: one, or an encoder's and a decoder's."""
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
    """Give the encoder and the decoder of a model that has both, each with its blocks in order.

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
    """Give what attends in a block: by their names, and of one inside another the inner."""
    named = [part for part in block.modules() if "Attention" in type(part).__name__]
    return [
        part
        for part in named
        if not any(other is not part and other in set(part.modules()) for other in named)
    ]


def embeddings(model: Model) -> list[nn.Module]:
    """Give what turns token ids into the first states."""
    base = trunk(model)
    whole = getattr(base, "embeddings", None)
    if isinstance(whole, nn.Module):
        return [whole]
    found = [base.get_input_embeddings(), getattr(base, "wpe", None)]
    return [module for module in found if isinstance(module, nn.Module)]


def head_modules(model: Model) -> tuple[str, ...]:
    """Name the parts of the head that have to be learned.

    Language heads are pre-trained; of those that are not, what the checkpoint lacks (`FRESH`), but
    for what is tied to the embeddings.
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
    poolers = [  # of checkpoints of masked language models, which have none
        name
        for name in dict.fromkeys(key.rpartition(".")[0] for key in getattr(model, FRESH, ()))
        if id(model.get_submodule(name)) in inside
    ]
    return (*beside, *poolers)


def linear_layers(model: Model) -> list[str]:
    """Name the linear layers inside the trunk's blocks, a decoder's included."""
    inside = {id(module) for part in blocks(model) for module in part.modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and isinstance(module, (nn.Linear, Conv1D))
    ]


def down_projections(model: Model) -> list[str]:
    """Name the linear layers that bring a block's wide states back to the model's width."""
    narrowing = []
    for name in linear_layers(model):
        layer = model.get_submodule(name)
        rows, columns = layer.get_parameter("weight").shape
        n_in, n_out = (rows, columns) if isinstance(layer, Conv1D) else (columns, rows)
        if n_in > n_out:
            narrowing.append(name)
    return narrowing


def norms(model: Model) -> list[str]:
    """Name the normalisations inside the trunk."""
    inside = {id(module) for module in trunk(model).modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and "Norm" in type(module).__name__
    ]


def is_transposed(model: Model) -> bool:
    """Say whether linear layers keep their weights as (inputs, outputs), as in GPT-2."""
    return any(isinstance(module, Conv1D) for module in layers(model).modules())


def freeze_but(model: Model, is_trained: Callable[[str], bool]) -> list[str]:
    """Freeze all parameters but those with names that are to be trained; name these.

    What the recipe has frozen before stays so.
    """
    trained = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and is_trained(name))
        if parameter.requires_grad:
            trained.append(name)
    return trained


def compute_again(model: Model) -> None:
    """Have a model compute activations again going back: time for memory."""
    # Transformers 5.2x renames it; the old name is to go in version 6.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)()


def count_parameters(model: Model) -> tuple[int, int]:
    """Count all parameters, and those that are trained."""
    parameters = list(model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return sum(p.numel() for p in parameters), trained


def pooled_features(model: Model, batch: dict[str, Tensor]) -> Tensor:
    """Average the trunk's last states over each row's tokens, (batch, width)."""
    states: Tensor = trunk(model)(**batch).last_hidden_state  # (batch, tokens, width)
    return mean_of_tokens(states, batch["attention_mask"])


@dataclass
class Stored(ModelOutput):
    """What a trunk would have said, in the fields that heads look at."""

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    past_key_values: Any = None
    mems: Any = None
    hidden_states: Any = None
    attentions: Any = None


class StoredTrunk(nn.Module):
    """Stands where the trunk stood, and passes stored features on."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Stored:
        """Give features (batch, 1, width) out as the states of one token."""
        return Stored(last_hidden_state=inputs_embeds, pooler_output=inputs_embeds[:, 0])


class Head(nn.Module):
    """A model's head alone, sharing its weights: features (batch, width) to logits."""

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
        """Run the rest of the model's own forward on the states of one token."""
        logits: Tensor = self.tail(inputs_embeds=features[:, None]).logits
        return logits


class Probe:
    """A model cut in two: what its head sees, and the head.

    Args:
        model: A classification model.
    """

    def __init__(self, model: Model):
        self.model = model
        self.head = Head(model)

    @torch.no_grad()
    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """Compute what reaches the head, (batch, width).

        That is the trunk's pooled output where it has one, else the state that the head reads.
        """
        said = trunk(self.model)(**batch)
        pooled: Tensor | None = getattr(said, "pooler_output", None)
        if pooled is not None and not hasattr(self.model, "pooling_name"):
            return pooled
        return read_by_head(self.model, said.last_hidden_state, batch["attention_mask"])


def probe_of(model: Model) -> Probe:
    """Cut a model in two between trunk and head.

    Raises:
        ModelError: The head weighs all tokens by weights of its own, or needs the tokens
            themselves, so that there is no one vector to store.
    """
    if getattr(model, "pooling_name", None) == "attention":
        raise ModelError(
            "Attention pooling is trained itself: the head's input cannot be computed once.",
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
    """Give the first linear layer of a head."""
    return next(part for part in head.modules() if isinstance(part, nn.Linear))


def read_by_head(model: Model, states: Tensor, mask: Tensor) -> Tensor:
    """Pick from the trunk's states (batch, tokens, width) the vector that the head reads."""
    pooling: Pooling | None = getattr(model, "pooling", None)  # of our own heads
    if pooling is not None and hasattr(model, "pooling_name"):
        return pooling(states, mask)
    place = read_place(model)
    if place == "mean":
        return mean_of_tokens(states, mask)
    return last_token(states, mask) if place == "last" else states[:, 0]


def read_place(model: Model) -> Literal["first", "last", "mean"]:
    """Say which of a text's states a head of Transformers reads: one of them, or their mean."""
    if getattr(model.config, "classifier_pooling", None) == "mean":
        return "mean"
    reads_last = hasattr(model, "score") or getattr(model.config, "summary_type", "") == "last"
    return "last" if reads_last else "first"
