"""Heads that Transformers' own classes lack: other poolings, hidden layers, nearest neighbours.

The saved model is a plain checkpoint of the trunk, which `AutoModel` loads, with `head.safetensors`
and `head.json` beside it, which Luthier loads. Patterns for language models: `prompts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.crf import CrfTagger
from luthier.models.fusion import ENCODERS, TRUNKS, FusedModel
from luthier.models.head_files import HEAD_FILE, read_head_weights
from luthier.models.locate import locate
from luthier.models.pooling import POOLINGS, AttentionPooling, Pooling
from luthier.models.prompts import PromptClassifier
from luthier.models.weights import SAFELY
from luthier.models.wrapper import HeadOutput, Wrapper
from luthier.paths import leads_out


class PooledClassifier(Wrapper):
    """A trunk, a pooling, and a head of linear layers.

    Args:
        inner: The trunk, any `AutoModel`.
        n_outputs: Number of outputs for each row.
        pooling: How tokens become one vector: `cls`, `mean`, `max` or `attention`.
        hidden_layers: Widths of the head's hidden layers.
        dropout: Dropout before each linear layer of the head.
        normalise: Whether features are scaled to length 1.
        neighbours: Arguments of `NearestNeighbours`, the head to use in place of linear layers.
    """

    def __init__(
        self,
        inner: Model,
        *,
        n_outputs: int,
        pooling: str,
        hidden_layers: Sequence[int],
        dropout: float,
        normalise: bool = False,
        neighbours: Mapping[str, Any] | None = None,
    ):
        super().__init__(inner)
        self.settings = {
            "n_outputs": n_outputs,
            "pooling": pooling,
            "hidden_layers": list(hidden_layers),
            "dropout": dropout,
            **({"normalise": True} if normalise else {}),
            **({"neighbours": dict(neighbours)} if neighbours else {}),
        }
        self.pooling_name, self.normalise = pooling, normalise
        width = int(inner.config.hidden_size)
        is_learned = pooling == "attention"
        self.pooling: Pooling = AttentionPooling(width) if is_learned else POOLINGS[pooling]
        self.classifier: Any  # nn.Sequential, or NearestNeighbours
        if neighbours:
            self.classifier = NearestNeighbours(width, n_outputs, **neighbours)
            return
        parts: list[nn.Module] = []
        for hidden in hidden_layers:
            parts += [nn.Dropout(dropout), nn.Linear(width, hidden), nn.GELU()]
            width = hidden
        self.classifier = nn.Sequential(*parts, nn.Dropout(dropout), nn.Linear(width, n_outputs))

    @property
    def base_model(self) -> Model:
        """The trunk."""
        return self.inner

    @property
    def pooled_from(self) -> str | None:
        """What of the trunk's states the head reads; None if the pooling has weights."""
        if self.pooling_name == "attention":
            return None
        return f"{self.pooling_name} of the last states{', of length 1' * self.normalise}"

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Compute what the head reads, (batch, width)."""
        states = self.inner(**batch)[0]  # (batch, tokens, width)
        mask = batch.get("attention_mask")
        if mask is None:
            mask = torch.ones(states.shape[:2], device=states.device, dtype=torch.long)
        pooled = self.pooling(states, mask)
        return nn.functional.normalize(pooled, dim=-1) if self.normalise else pooled

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return `logits`, (batch, outputs)."""
        return HeadOutput(logits=self.classifier(self.features(batch)))


class NearestNeighbours(nn.Module):
    """A head that stores training rows and predicts the labels of those most similar.

    Cover & Hart 1967, "Nearest neighbor pattern classification"; here the k rows of the highest
    cosine similarity vote, weighted by a softmax of their similarities.

    Args:
        width: Width of the features.
        n_outputs: Number of labels.
        n_rows: Number of rows that are stored.
        k: Number of neighbours that vote; at most `n_rows`.
        temperature: Temperature of the softmax; the lower, the more the nearest count.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, width: int, n_outputs: int, *, n_rows: int, k: int, temperature: float):
        super().__init__()
        self.k, self.temperature = k, temperature
        self.register_buffer("keys", torch.zeros(n_rows, width))  # of length 1
        self.register_buffer("values", torch.zeros(n_rows, n_outputs))  # shares of the labels

    def forward(self, features: Tensor) -> Tensor:
        """Return log shares of the labels among the neighbours, (batch, outputs)."""
        alike = nn.functional.normalize(features, dim=-1) @ self.keys.T  # (batch, rows)
        nearest, rows = alike.topk(min(self.k, len(self.keys)), dim=-1)
        weights = (nearest / self.temperature).softmax(dim=-1)  # (batch, k)
        shares = (weights[..., None] * self.values[rows]).sum(dim=1)
        return shares.clamp(min=1e-6).log()


def with_linear_head(model: Model, *, n_outputs: int, normalise: bool) -> PooledClassifier:
    """Put a linear head onto the mean of the trunk's states, which suits few labelled rows best.

    A pooling that the recipe chose is kept. The pooler of a checkpoint is left out: it was trained
    for the pre-training objective and represents little of a text's meaning.

    Raises:
        ModelError: The model has an encoder and a decoder, or the recipe asks for hidden layers.
    """
    refuse_no_vector(model)
    pooling = getattr(model, "pooling_name", "mean")
    return PooledClassifier(
        model.base_model,
        n_outputs=n_outputs,
        pooling=pooling,
        hidden_layers=(),
        dropout=0.0,
        normalise=normalise,
    )


def with_neighbours(model: Model, *, n_outputs: int, **neighbours: Any) -> PooledClassifier:
    """Put a nearest-neighbour head onto the mean of the trunk's states.

    Raises:
        ModelError: See `with_linear_head`.
    """
    refuse_no_vector(model)
    pooling = getattr(model, "pooling_name", "mean")
    return PooledClassifier(
        model.base_model,
        n_outputs=n_outputs,
        pooling=pooling,
        hidden_layers=(),
        dropout=0.0,
        neighbours=neighbours,
    )


def refuse_no_vector(model: Model) -> None:
    """Raise if the model computes no single vector for each text that a head could be fitted to."""
    settings = getattr(model, "settings", {})
    if settings.get("pooling") == "attention" or settings.get("hidden_layers"):
        raise ModelError(
            "This method fits its head in closed form; pooling or hidden layers need training.",
            received="model.pooling=attention or model.head_hidden_layers",
            hint="model.pooling=mean and no hidden layers",
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"A {model.config.model_type} encodes and decodes: it has no single vector per text.",
            received=model.config.model_type,
            hint="an encoder, or method=lora",
        )


def put_head(inner: Model, folder: Path, settings: dict[str, Any]) -> Wrapper:
    """Put a saved head onto the model it was on.

    The head is constructed on the meta device, without memory, and compared with the weights in the
    folder, so settings that ask for a huge head are refused before it is allocated.

    Raises:
        ModelError: The weights are not those that the settings ask for.
    """
    if "pieces" in settings:  # a pattern has no weights of its own
        return PromptClassifier(inner, **settings)
    if roles := settings.pop("tuned", ()):
        settings = {**settings, "encoders": {role: encoder_in(folder, role) for role in roles}}
    with torch.device("meta"):
        made: dict[str, Any] = {"pooling": PooledClassifier, "fusion": FusedModel}
        found = next((one for name, one in made.items() if name in settings), None)
        model: Wrapper = CrfTagger(inner) if found is None else found(inner, **settings)
    asked = {
        name: values.shape
        for name, values in model.state_dict().items()
        if not name.startswith(TRUNKS)
    }
    weights = read_head_weights(folder)
    found = {name: values.shape for name, values in weights.items()}
    if found != asked:
        differing = sorted({name for name, _ in found.items() ^ asked.items()})
        raise ModelError(
            f"The saved head's weights are not those that {HEAD_FILE} describes.",
            received=f"{folder / HEAD_FILE}: differing in {', '.join(differing)}",
            hint="copy the run's model folder whole, or run the recipe again",
        )
    model.load_state_dict(weights, strict=False, assign=True)  # the inner model is loaded already
    return model


def encoder_in(folder: Path, role: str) -> Model:
    """Read the encoder that was trained for an input, in the folder of its model.

    Raises:
        ModelError: It is not there, or opening it could run code.
    """
    place = folder / ENCODERS / role
    if leads_out(place, folder):
        raise ModelError(
            f"{HEAD_FILE} names an encoder outside of its folder.",
            received=f"{folder / HEAD_FILE}: {role!r}"[:300],
            hint="copy the run's model folder whole, or run the recipe again",
        )
    read: Model = AutoModel.from_pretrained(locate(str(place)), **SAFELY)
    return read


def needs(model: Model) -> str | None:
    """Describe what a saved model needs beyond Transformers; None if it needs nothing."""
    if isinstance(model, CrfTagger):
        return (
            "Transformers has no CRF: AutoModelForTokenClassification loads the rest, "
            "luthier.load the whole."
        )
    if isinstance(model, PromptClassifier):
        return (
            "Transformers does not know its pattern: AutoModelForMaskedLM loads the language "
            "model, luthier.load the whole."
        )
    if isinstance(model, FusedModel):
        return (
            f"It joins {', '.join(model.inputs)}, which Transformers does not: AutoModel loads the "
            "trunk, luthier.load the whole."
        )
    if not isinstance(model, PooledClassifier):
        return None
    return (
        f"Its head ({model.pooling_name} pooling, hidden layers "
        f"{model.settings['hidden_layers'] or 'none'}) is not known to Transformers: "
        "AutoModel loads the trunk, luthier.load the whole."
    )


def set_dropout(model: Model, share: float) -> None:
    """Set the dropout inside a model's head.

    Raises:
        ModelError: The head has none; decoders' heads have none.
    """
    base = model.base_model
    found = [
        module
        for child in model.children()
        if child is not base
        for module in child.modules()
        if isinstance(module, nn.Dropout)
    ]
    for module in found:
        module.p = share
    if not found:
        raise ModelError(
            f"The head of {model.config.model_type} has no dropout.",
            received=f"model.head_dropout={share}",
            hint="model.pooling=mean, whose head has dropout",
        )
