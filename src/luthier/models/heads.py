"""Heads that Transformers' own classes lack: other pooling, hidden layers.

What is saved is a plain checkpoint of the trunk, which `AutoModel` loads, with `head.safetensors`
and `head.json` beside it, which need Luthier. Patterns for language models: `prompts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from luthier.errors import ModelError
from luthier.models.crf import CrfTagger
from luthier.models.pooling import POOLINGS, AttentionPooling
from luthier.models.prompts import PromptClassifier
from luthier.models.safety import read_json
from luthier.models.structure import compute_again

HEAD_FILE = "head.json"


class PooledClassifier(nn.Module):
    """A trunk, a pooling, and a head of linear layers.

    Args:
        encoder: The trunk, any `AutoModel`.
        n_outputs: Numbers given for each row.
        pooling: `cls`, `mean`, `max` or `attention`.
        hidden_layers: Widths of the head's hidden layers.
        dropout: Before each linear layer of the head.
        normalise: Whether features are brought to length 1.
        neighbours: Of a head that remembers its training rows: see `NearestNeighbours`.
    """

    def __init__(
        self,
        encoder: Any,
        *,
        n_outputs: int,
        pooling: str,
        hidden_layers: Sequence[int],
        dropout: float,
        normalise: bool = False,
        neighbours: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.settings = {
            "n_outputs": n_outputs,
            "pooling": pooling,
            "hidden_layers": list(hidden_layers),
            "dropout": dropout,
            **({"normalise": True} if normalise else {}),
            **({"neighbours": dict(neighbours)} if neighbours else {}),
        }
        self.pooling_name, self.normalise = pooling, normalise
        width = encoder.config.hidden_size
        if pooling == "attention":
            self.pooling: Any = AttentionPooling(width)
        else:
            self.pooling = POOLINGS[pooling]
        if neighbours:
            self.classifier: Any = NearestNeighbours(width, n_outputs, **neighbours)
            return
        parts: list[nn.Module] = []
        for hidden in hidden_layers:
            parts += [nn.Dropout(dropout), nn.Linear(width, hidden), nn.GELU()]
            width = hidden
        self.classifier = nn.Sequential(*parts, nn.Dropout(dropout), nn.Linear(width, n_outputs))

    @property
    def base_model(self) -> Any:
        """The trunk, by the name that models of Transformers have for it."""
        return self.encoder

    def get_input_embeddings(self) -> nn.Module:
        """Give the trunk's table of words."""
        return self.encoder.get_input_embeddings()

    def gradient_checkpointing_enable(self) -> None:
        """Trade time for memory in the trunk."""
        compute_again(self.encoder)

    def features(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Give what the head reads, (batch, width)."""
        states = self.encoder(**batch)[0]  # (batch, tokens, width)
        mask = batch.get("attention_mask")
        if mask is None:
            mask = torch.ones(states.shape[:2], device=states.device, dtype=torch.long)
        pooled = self.pooling(states, mask)
        return nn.functional.normalize(pooled, dim=-1) if self.normalise else pooled

    def forward(self, **batch: Tensor) -> Any:
        """Give `.logits`, (batch, outputs)."""
        return SimpleNamespace(logits=self.classifier(self.features(batch)))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the trunk as a plain checkpoint, and the head beside it."""
        self.encoder.save_pretrained(folder)
        write_head(self, Path(folder), inner="encoder.")


class NearestNeighbours(nn.Module):
    """A head that remembers training rows and answers with those most alike.

    Cover & Hart 1967, "Nearest neighbor pattern classification"; here the k rows of the highest
    cosine count by a softmax of their similarities.

    Args:
        width: Of the features.
        n_outputs: Labels.
        n_rows: Rows that are remembered.
        k: Neighbours that are asked; at most `n_rows`.
        temperature: Of the softmax: the lower, the more the nearest count.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, width: int, n_outputs: int, *, n_rows: int, k: int, temperature: float):
        super().__init__()
        self.k, self.temperature = k, temperature
        self.register_buffer("keys", torch.zeros(n_rows, width))  # of length 1
        self.register_buffer("values", torch.zeros(n_rows, n_outputs))  # shares of the labels

    def forward(self, features: Tensor) -> Tensor:
        """Give log shares of the labels among the neighbours, (batch, outputs)."""
        alike = nn.functional.normalize(features, dim=-1) @ self.keys.T  # (batch, rows)
        nearest, rows = alike.topk(min(self.k, len(self.keys)), dim=-1)
        weights = (nearest / self.temperature).softmax(dim=-1)  # (batch, k)
        shares = (weights[..., None] * self.values[rows]).sum(dim=1)
        return shares.clamp(min=1e-6).log()


def with_linear_head(model: Any, *, n_outputs: int, normalise: bool) -> PooledClassifier:
    """Put a linear head onto the mean of the trunk's states: what few labels are best told by.

    A pooling that the recipe chose stays. Poolers that come with a checkpoint were made for its
    pre-training and say little of meaning, so they are left out.

    Raises:
        ModelError: The model is an encoder and a decoder, or the recipe asks for hidden layers.
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


def with_neighbours(model: Any, *, n_outputs: int, **neighbours: Any) -> PooledClassifier:
    """Put a head of nearest neighbours onto the mean of the trunk's states.

    Raises:
        ModelError: As `with_linear_head` does.
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


def refuse_no_vector(model: Any) -> None:
    """Raise where a text has no one vector that a head could be fitted to."""
    settings = getattr(model, "settings", {})
    if settings.get("pooling") == "attention" or settings.get("hidden_layers"):
        raise ModelError(
            "Attention pooling and hidden layers are trained; this method fits its head at once.",
            received="model.pooling=attention or model.head_hidden_layers",
            hint="model.pooling=mean and no hidden layers",
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"A {model.config.model_type} is an encoder and a decoder, with no one vector a text.",
            received=model.config.model_type,
            hint="an encoder, or method=lora",
        )


def write_head(model: nn.Module, folder: Path, *, inner: str) -> None:
    """Write the weights outside `inner`, and the settings to make them again."""
    weights = {
        name: values.contiguous()
        for name, values in model.state_dict().items()
        if not name.startswith(inner)
    }
    if weights:
        save_file(weights, str(folder / "head.safetensors"))
    settings: Any = model.settings
    (folder / HEAD_FILE).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def read_head(folder: Path) -> dict[str, Any] | None:
    """Read the settings of a head of ours; None where the checkpoint is plain."""
    path = folder / HEAD_FILE
    return read_json(path) if path.is_file() else None


def put_head(inner: Any, folder: Path, settings: dict[str, Any]) -> Any:
    """Put the head that `write_head` wrote onto the model it was on.

    It is made without memory and takes the weights that lie there: settings that ask for more
    than these are refused before anything of their size is made.

    Raises:
        ModelError: Its weights are not those that its settings ask for.
    """
    if "pieces" in settings:  # a pattern has no weights of its own
        return PromptClassifier(inner, **settings)
    is_pooled = "pooling" in settings
    with torch.device("meta"):
        model = PooledClassifier(inner, **settings) if is_pooled else CrfTagger(inner)
    prefix = "encoder." if is_pooled else "tagger."
    asked = {
        name: values.shape
        for name, values in model.state_dict().items()
        if not name.startswith(prefix)
    }
    kept = load_file(str(folder / "head.safetensors"))
    weights = {name: values.float() for name, values in kept.items()}
    found = {name: values.shape for name, values in weights.items()}
    if found != asked:
        differing = sorted({name for name, _ in found.items() ^ asked.items()})
        raise ModelError(
            "The saved head's weights are not those that head.json tells of.",
            received=f"{folder / HEAD_FILE}: differing in {', '.join(differing)}",
            hint="copy the run's model folder whole, or run the recipe again",
        )
    model.load_state_dict(weights, strict=False, assign=True)  # the rest has its weights already
    return model


def needs(model: Any) -> str | None:
    """Say what a saved model needs beyond Transformers, or None where it needs nothing."""
    if isinstance(model, CrfTagger):
        return (
            "Its CRF is not one of Transformers: AutoModelForTokenClassification loads the rest, "
            "luthier.load the whole."
        )
    if isinstance(model, PromptClassifier):
        return (
            "Its pattern is not one of Transformers: AutoModelForMaskedLM loads the language "
            "model, luthier.load the whole."
        )
    if not isinstance(model, PooledClassifier):
        return None
    return (
        f"Its head ({model.pooling_name} pooling, hidden layers "
        f"{model.settings['hidden_layers'] or 'none'}) is not one of Transformers: "
        "AutoModel loads the trunk, luthier.load the whole."
    )


def set_dropout(model: Any, share: float) -> None:
    """Set the dropout inside a head of Transformers.

    Raises:
        ModelError: The head has none, as that of decoders.
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
            hint="model.pooling=mean makes a head that has",
        )
