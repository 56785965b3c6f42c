"""From the states of a row's tokens (batch, tokens, width) to one vector (batch, width)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Pooling = Callable[[Tensor, Tensor], Tensor]  # states, mask (batch, tokens) -> (batch, width)


def first_token(states: Tensor, mask: Tensor) -> Tensor:
    """Take the first real token, on whichever side the padding is."""
    return states[torch.arange(len(states), device=states.device), mask.int().argmax(dim=1)]


def last_token(states: Tensor, mask: Tensor) -> Tensor:
    """Take the last real token, on whichever side the padding is."""
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * places).argmax(dim=1)  # (batch,)
    return states[torch.arange(len(states), device=states.device), last]


def mean_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Average the states of real tokens."""
    weights = mask.unsqueeze(-1).to(states.dtype)  # (batch, tokens, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def mean_of_places(encoder: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Encode images or sounds as the mean of their patches or frames, (batch, width).

    Args:
        encoder: An encoder of Transformers.
        batch: Its arguments; frames that a mask of samples leaves out do not count.
    """
    states: Tensor = encoder(**batch).last_hidden_state
    if states.ndim == 4:  # of convolutions: (batch, width, height, width of the image)
        return states.mean(dim=(2, 3))
    mask, frames_of = batch.get("attention_mask"), "_get_feature_vector_attention_mask"
    if mask is None or not hasattr(encoder, frames_of):
        return states.mean(dim=1)
    return mean_of_tokens(states, getattr(encoder, frames_of)(states.shape[1], mask))


def max_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Take the maximum of each feature over real tokens."""
    return states.masked_fill(mask.unsqueeze(-1) == 0, torch.finfo(states.dtype).min).amax(dim=1)


class AttentionPooling(nn.Module):
    """Average over real tokens with learned weights: softmax(states · query).

    The word-level attention of Yang et al. 2016, section 2.2, without its hidden layer,
    https://aclanthology.org/N16-1174/. The weights start equal: the plain mean.

    Args:
        width: Width of the states.
    """

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool the states."""
        weights = (states @ self.query).masked_fill(mask == 0, torch.finfo(states.dtype).min)
        return torch.einsum("bt,btd->bd", weights.softmax(dim=1), states)


POOLINGS: dict[str, Pooling] = {
    "cls": first_token,
    "mean": mean_of_tokens,
    "max": max_of_tokens,
}
