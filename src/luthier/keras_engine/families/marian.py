"""Marian (Junczys-Dowmunt et al. 2018): BART's blocks, with places that are not learned."""

from __future__ import annotations

from typing import Any

from luthier.keras_engine.families.bart import Bart
from luthier.keras_engine.pairs import Pairs


class Marian(Bart):
    """Marian that translates; what it lacks of BART's layers is seen by the model itself."""

    def head(self, model: Any, pairs: Pairs, *, dtype: Any) -> Any:
        """Build encoder, decoder and head; its model runs places without gradient."""
        for stack in (model.model.encoder, model.model.decoder):
            stack.embed_positions.weight.requires_grad_(requires_grad=False)
        return super().head(model, pairs, dtype=dtype)
