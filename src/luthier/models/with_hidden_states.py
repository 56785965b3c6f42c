"""A model that also returns the mean of its trunk's last states, for losses that compare them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.pooling import mean_of_tokens
from luthier.models.wrapper import HeadOutput, Wrapper


class WithStates(Wrapper):
    """A model whose outputs carry the mean of its trunk's last states, (batch, width).

    Args:
        inner: A model that judges whole texts.
        width: Width to which a learned linear map brings the states; None leaves them as they are.
    """

    def __init__(self, inner: Model, width: int | None = None):
        super().__init__(inner)
        own = int(inner.config.hidden_size)
        self.map: nn.Module = nn.Identity() if width is None else nn.Linear(own, width)

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return `logits` (batch, outputs) and `states` (batch, width)."""
        seen: list[tuple[Tensor, Tensor]] = []

        def keep(_: nn.Module, __: Any, inputs: dict[str, Any], outputs: Any) -> None:
            mask = inputs.get("attention_mask")  # as the trunk received it, if it received one
            seen.append((outputs[0], batch["attention_mask"] if mask is None else mask))

        hook = self.base_model.register_forward_hook(keep, with_kwargs=True)
        try:
            outputs = self.inner(**batch)
        finally:
            hook.remove()
        states, mask = seen[0]  # (batch, tokens, width), (batch, tokens)
        pooled = self.map(mean_of_tokens(states, mask))
        return HeadOutput(logits=outputs.logits, states=pooled)
