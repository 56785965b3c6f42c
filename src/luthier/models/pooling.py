"""From the states of a row's tokens (batch, tokens, width) to one vector (batch, width)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def first_token(states: Tensor, mask: Tensor) -> Tensor:
    """Take the first real token, wherever the padding stands."""
    return states[torch.arange(len(states), device=states.device), mask.int().argmax(dim=1)]


def last_token(states: Tensor, mask: Tensor) -> Tensor:
    """Take the last real token, wherever the padding stands."""
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * places).argmax(dim=1)  # (batch,)
    return states[torch.arange(len(states), device=states.device), last]


def mean_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Average over real tokens."""
    weights = mask.unsqueeze(-1).to(states.dtype)  # (batch, tokens, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def max_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Take each feature's largest value over real tokens."""
    return states.masked_fill(mask.unsqueeze(-1) == 0, torch.finfo(states.dtype).min).amax(dim=1)


class AttentionPooling(nn.Module):
    """Average over real tokens with learned weights: softmax(states · query).

    The word-level attention of Yang et al. 2016, section 2.2, without its hidden layer,
    https://aclanthology.org/N16-1174/. It starts as the plain mean.

    Args:
        width: Size of the states.
    """

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool the states."""
        weights = (states @ self.query).masked_fill(mask == 0, torch.finfo(states.dtype).min)
        return torch.einsum("bt,btd->bd", weights.softmax(dim=1), states)


POOLINGS = {
    "cls": first_token,
    "mean": mean_of_tokens,
    "max": max_of_tokens,
}
