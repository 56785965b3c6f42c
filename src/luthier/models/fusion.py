"""A head that joins a text with images, sounds, numbers and categories.

Every input becomes a vector of one width by a LayerNorm and a linear layer, or by an embedding of
categories. An input that is absent is replaced by a vector that is learned, and left out of gates
and attention: never by an empty text, a black image or silence. `late` joins all vectors and puts
two layers on them; `gated` adds them up, weighed by a softmax over those that are present
(Arevalo et al. 2017, https://arxiv.org/abs/1702.01992, with one gate for each input);
`cross-attention` lets them read each other in two layers of a transformer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from luthier.columns import PRESENT
from luthier.distributed.group import group
from luthier.hf_types import Model
from luthier.models.head_files import write_head
from luthier.models.pooling import mean_of_places, mean_of_tokens
from luthier.models.wrapper import INNER, HeadOutput, Wrapper

ENCODERS = "encoders"  # in a model's folder: encoders of images and sounds
TRUNKS = (INNER, f"{ENCODERS}.")  # prefixes of weights that are no head's
TOKENS = ("input_ids", "attention_mask", "token_type_ids")
LAYERS, HEADS = 2, 4  # of `cross-attention`


class FusedModel(Wrapper):
    """A pre-trained model of texts, and a head that reads all inputs of a row.

    Args:
        inner: The trunk, any `AutoModel` of texts.
        n_outputs: Number of outputs for each row.
        fusion: `late`, `gated` or `cross-attention`.
        inputs: Role to its `kind`, with the `width` of its vectors or the `size` of its vocabulary.
        width: Width of the vectors that are joined.
        dropout: Dropout of the head.
        rate: Learning rate of the head in multiples of the trunk's: it starts from nothing.
        encoders: Role to the encoder of its images or sounds, where it is trained with the rest.
    """

    def __init__(
        self,
        inner: Model,
        *,
        n_outputs: int,
        fusion: str,
        inputs: Mapping[str, Mapping[str, Any]],
        width: int,
        dropout: float,
        rate: float = 1.0,
        encoders: Mapping[str, nn.Module] | None = None,
    ):
        super().__init__(inner)
        self.settings = {
            "n_outputs": n_outputs,
            "fusion": fusion,
            "inputs": {role: dict(one) for role, one in inputs.items()},
            "width": width,
            "dropout": dropout,
            "rate": rate,
            **({"tuned": list(encoders)} if encoders else {}),
        }
        self.tuned = list(encoders or ())
        self.encoders = nn.ModuleList((encoders or {}).values())
        self.inputs = self.settings["inputs"]
        self.head = JointHead(
            self.inputs,
            states=int(inner.config.hidden_size),
            fusion=fusion,
            width=width,
            dropout=dropout,
            n_outputs=n_outputs,
        )

    @property
    def base_model(self) -> Model:
        """The trunk."""
        return self.inner

    @property
    def lr_multipliers(self) -> dict[str, float]:
        """Parameters whose learning rate is not the recipe's, with its multiple."""
        names = (name for name, _ in self.named_parameters() if not name.startswith(TRUNKS))
        return dict.fromkeys(names, float(self.settings["rate"]))

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return `logits`, (batch, outputs)."""
        return HeadOutput(logits=self.head(self.read(batch), batch[PRESENT]))

    def read(self, batch: Mapping[str, Tensor]) -> list[Tensor]:
        """Return what the head reads of every input."""
        present = batch[PRESENT]
        return [
            self._read(role, one["kind"], batch, present[:, place])
            for place, (role, one) in enumerate(self.inputs.items())
        ]

    def _read(self, role: str, kind: str, batch: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """Return what a role's part reads: (batch, width), or ids of categories (batch,)."""
        is_encoded = kind == "text" or role in self.tuned
        # several processes pass as often through a model; one spares itself what no row has
        may_spare = group().size == 1 and not torch.compiler.is_compiling()
        if is_encoded and may_spare and not bool(present.any()):
            width = self.inputs[role].get("width", self.config.hidden_size)
            return torch.zeros(len(present), int(width), device=present.device)
        if role in self.tuned:
            prefix = f"{role}."
            own = {k.removeprefix(prefix): one for k, one in batch.items() if k.startswith(prefix)}
            return mean_of_places(self.encoders[self.tuned.index(role)], own)
        if kind != "text":
            return batch[role]
        tokens = {name: batch[f"{role}.{name}"] for name in TOKENS if f"{role}.{name}" in batch}
        states: Tensor = self.inner(**tokens)[0]  # (batch, tokens, width)
        return mean_of_tokens(states, tokens["attention_mask"])

    def save_pretrained(self, folder: str | Path) -> None:
        """Write plain checkpoints of the trunk and of tuned encoders, and the head beside them."""
        self.inner.save_pretrained(folder)
        for role, encoder in zip(self.tuned, self.encoders, strict=True):
            cast("Model", encoder).save_pretrained(Path(folder) / ENCODERS / role)
        write_head(self, self.settings, Path(folder), inner=TRUNKS)


class JointHead(nn.Module):
    """Joins what was read of every input, and puts a classifier on it.

    Args:
        inputs: Role to what is known of an input, as for `FusedModel`.
        states: Width of the trunk's states.
        fusion: `late`, `gated` or `cross-attention`.
        width: Width of the vectors that are joined.
        dropout: Dropout of the head.
        n_outputs: Number of outputs for each row.
    """

    def __init__(
        self,
        inputs: Mapping[str, Mapping[str, Any]],
        *,
        states: int,
        fusion: str,
        width: int,
        dropout: float,
        n_outputs: int,
    ):
        super().__init__()
        self.fusion = fusion
        self.parts = nn.ModuleList(_project(one, states, width) for one in inputs.values())
        self.absent = nn.Parameter(0.02 * torch.randn(len(inputs), width))
        joined = width * len(inputs) if fusion == "late" else width
        if fusion == "gated":
            self.gate = nn.Linear(width, 1)
        if fusion == "cross-attention":
            block = nn.TransformerEncoderLayer(
                width, HEADS, 2 * width, dropout, activation="gelu", batch_first=True
            )
            self.reader = nn.TransformerEncoder(block, LAYERS, enable_nested_tensor=False)
            self.types = nn.Parameter(0.02 * torch.randn(1 + len(inputs), width))
        self.classifier = nn.Sequential(
            nn.LayerNorm(joined),
            nn.Linear(joined, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_outputs),
        )

    def forward(self, read: Sequence[Tensor], present: Tensor) -> Tensor:
        """Return logits, (batch, outputs).

        Args:
            read: Of every input its states or features (batch, width), or its ids (batch,).
            present: Whether a row has it, (batch, inputs).
        """
        vectors = torch.stack(
            [part(one) for part, one in zip(self.parts, read, strict=True)], dim=1
        )  # (batch, inputs, width)
        vectors = torch.where(present[..., None] > 0, vectors, self.absent.to(vectors.dtype))
        logits: Tensor = self.classifier(self._join(vectors, present))
        return logits

    def _join(self, vectors: Tensor, present: Tensor) -> Tensor:
        """Join the vectors of a row, (batch, width) or, for `late`, (batch, inputs · width)."""
        if self.fusion == "late":
            return vectors.flatten(1)
        is_absent = present <= 0
        if self.fusion == "gated":
            weights = self.gate(vectors)[..., 0].masked_fill(is_absent, -1e4).softmax(dim=-1)
            added: Tensor = (weights[..., None] * vectors).sum(dim=1)
            return added
        places = torch.cat([torch.zeros_like(vectors[:, :1]), vectors], dim=1) + self.types
        ignored = nn.functional.pad(is_absent, (1, 0), value=False)
        read: Tensor = self.reader(places, src_key_padding_mask=ignored)
        return read[:, 0]


def _project(one: Mapping[str, Any], states: int, width: int) -> nn.Module:
    """Make the part that turns an input into a vector."""
    if one["kind"] == "category":
        return nn.Embedding(int(one["size"]), width)
    n_inputs = states if one["kind"] == "text" else int(one["width"])
    if one["kind"] == "number":
        return nn.Sequential(nn.Linear(n_inputs, width), nn.GELU(), nn.Linear(width, width))
    return nn.Sequential(nn.LayerNorm(n_inputs), nn.Linear(n_inputs, width))
