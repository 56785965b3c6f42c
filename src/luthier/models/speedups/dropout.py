"""Dropout with masks that are cheap to draw: one 64-bit random number serves four elements.

On a CPU, PyTorch draws a random number per element, one after the other. Here 16 random bits per
element decide, from a generator that PyTorch's own seeds for each mask, so masks still follow from
the run's seed and random state, and resuming is exact. An element is dropped with probability
round(65536 p) / 65536; elements that are kept are scaled by the inverse of the share kept.
Srivastava et al. 2014, section 4, https://jmlr.org/papers/v15/srivastava14a.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

LEVELS = 65536


class Mask(NamedTuple):
    """A dropout mask: a byte per element, 1 if it is kept, and the scale of kept elements."""

    kept: Tensor
    scale: float

    def apply(self, values: Tensor) -> Tensor:
        """Apply the mask to values."""
        return torch.mul(values, self.kept).mul_(self.scale)

    def sign(self, shares: Tensor) -> Tensor:
        """Negate, in place, the dropped ones of non-negative numbers, so no mask need be stored.

        `relu` of the result gives the kept numbers, unscaled, and `abs` gives the numbers back.
        """
        return shares.mul_(self.kept.view(torch.int8) * 2 - 1)


def draw_mask(like: Tensor, dropout: float) -> Mask:
    """Draw a mask.

    Args:
        like: A tensor of the mask's shape and device.
        dropout: Share of elements to drop, below 1.
    """
    if like.device.type != "cpu":
        kept = torch.empty_like(like, dtype=torch.uint8).bernoulli_(1 - dropout)
        return Mask(kept, 1 / (1 - dropout))
    threshold = round(LEVELS * dropout)
    stays = draw_bits(like.numel()) >= threshold  # NumPy compares ten times faster than PyTorch
    drawn = torch.from_numpy(stays.view(np.uint8)).view(like.shape)
    return Mask(drawn, LEVELS / (LEVELS - threshold))


def draw_bits(n: int) -> NDArray[np.uint16]:
    """Draw `n` unsigned integers of 16 bits, (n,)."""
    seed = int(torch.randint(2**62, ()))
    drawn: NDArray[np.uint64] = np.random.SFC64(seed).random_raw(-(-n // 4))
    return drawn.view(np.uint16)[:n]


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, dropout: float) -> Tensor:
        ctx.mask = draw_mask(values, dropout)
        dropped: Tensor = ctx.mask.apply(values)
        return dropped

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return ctx.mask.apply(gradient), None


def drop(values: Tensor, *, dropout: float, training: bool) -> Tensor:
    """Apply dropout."""
    if not training or dropout == 0:
        return values
    if dropout == 1:
        return torch.zeros_like(values)
    dropped: Tensor = _Dropout.apply(values, dropout)  # type: ignore[no-untyped-call]
    return dropped


@contextmanager
def cheap_masks() -> Iterator[None]:
    """Replace PyTorch's dropout on a CPU, that of modules and the function, by this one.

    Models of Transformers call both. PyTorch's own is restored when the last context that replaced
    it ends.
    """
    _Cheap.users += 1
    functional.dropout = _dropout
    try:
        yield
    finally:
        _Cheap.users -= 1
        if _Cheap.users == 0:
            functional.dropout = _plain


class _Cheap:
    """Number of contexts that use it; global, as the function replaced is global."""

    users = 0


_plain = functional.dropout


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    is_ours = training and 0 < p < 1 and not inplace and input.is_floating_point()
    if is_ours and input.device.type == "cpu":
        return drop(input, dropout=p, training=True)
    return _plain(input, p, training, inplace)
