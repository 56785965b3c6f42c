"""A trunk that reads nothing, for rows without texts: of numbers, categories, images and sounds.

`model: none` names it. So the head, its checkpoints and what reads them are those of any model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class NothingConfig(PreTrainedConfig):
    """The configuration of `Nothing`."""

    model_type = "nothing"

    def __init__(self, **others: Any):
        super().__init__(**others)
        self.hidden_size = self.num_hidden_layers = 1
        self.pad_token_id = None


class Nothing(PreTrainedModel):
    """A model that learns nothing; its one weight is there because a checkpoint holds something."""

    config_class = NothingConfig
    base_model_prefix = ""

    def __init__(self, config: NothingConfig):
        super().__init__(config)
        self.empty = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.blocks = nn.ModuleList([nn.Identity()])
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, **_: Any) -> BaseModelOutput:
        """Return nothing."""
        return BaseModelOutput()
