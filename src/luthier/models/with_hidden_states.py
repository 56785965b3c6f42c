"""A model that also gives what its trunk made of each row: one more thing to learn from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from luthier.models.pooling import mean_of_tokens
from luthier.models.structure import compute_again, trunk


class WithStates(nn.Module):
    """A model whose outputs carry the mean of its trunk's last states, (batch, width).

    Args:
        model: Any model that judges whole texts.
        width: To which a learned linear map brings the states; None: they stay as they are.
    """

    def __init__(self, model: Any, width: int | None = None):
        super().__init__()
        self.model = model
        self.config = model.config
        own = int(model.config.hidden_size)
        self.map: nn.Module = nn.Identity() if width is None else nn.Linear(own, width)

    @property
    def base_model(self) -> Any:
        """The trunk, by the name that models of Transformers have for it."""
        return trunk(self.model)

    def gradient_checkpointing_enable(self) -> None:
        """Trade time for memory in the trunk."""
        compute_again(self.model)

    def forward(self, **batch: Tensor) -> Any:
        """Give `.logits` (batch, outputs) and `.states` (batch, width)."""
        seen: list[tuple[Tensor, Tensor]] = []

        def keep(_: Any, __: Any, given: dict[str, Any], said: Any) -> None:
            mask = given.get("attention_mask")  # of what the trunk read, if it was told
            seen.append((said[0], batch["attention_mask"] if mask is None else mask))

        hook = self.base_model.register_forward_hook(keep, with_kwargs=True)
        try:
            said = self.model(**batch)
        finally:
            hook.remove()
        states, mask = seen[0]  # (batch, tokens, width), (batch, tokens)
        return SimpleNamespace(logits=said.logits, states=self.map(mean_of_tokens(states, mask)))
