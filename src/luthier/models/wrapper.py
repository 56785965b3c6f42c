"""What models that wrap a model of Transformers have in common, and the outputs they return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers.utils.generic import ModelOutput

from luthier.models.head_files import write_head
from luthier.models.structure import compute_again, trunk

if TYPE_CHECKING:
    from luthier.hf_types import Model
else:
    Model = nn.Module

INNER = "inner."  # prefix of the wrapped model's weights


@dataclass
class HeadOutput(ModelOutput):
    """Outputs of models that are not Transformers' own; each fills the fields it computes.

    Args:
        loss: The loss, a scalar, if the model computes one itself.
        logits: Outputs of the head, (batch, outputs) or (batch, tokens, labels).
        states: Mean of the trunk's last states, (batch, width).
        transitions: Transition scores of a CRF, (labels + 1, labels).
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    states: Tensor | None = None
    transitions: Tensor | None = None


class Wrapper(Model):
    """A model around a model of Transformers, which is reached by the names Transformers uses.

    Args:
        inner: The model that is wrapped.
    """

    settings: dict[str, Any]  # arguments that construct the wrapper again

    def __init__(self, inner: Model):
        super().__init__()
        self.inner = inner
        self.config = inner.config

    @property
    def base_model(self) -> Model:
        """The trunk, without any head."""
        return trunk(self.inner)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the table of token embeddings."""
        return self.inner.get_input_embeddings()

    def gradient_checkpointing_enable(self) -> None:
        """Recompute the trunk's activations in the backward pass, which saves memory."""
        compute_again(self.inner)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the inner model as a plain checkpoint, and the head beside it."""
        self.inner.save_pretrained(folder)
        write_head(self, self.settings, Path(folder), inner=INNER)
