"""Marian (Junczys-Dowmunt et al. 2018): BART's blocks, with positions that are not learned."""

from __future__ import annotations

from luthier.keras_engine.families.bart import Bart
from luthier.keras_engine.kinds import HeadOutputs, Part
from luthier.keras_engine.pairs import Pairs


class Marian(Bart):
    """Marian, to translate; the layers of BART that it lacks are seen on the model itself."""

    def head(self, model: Part, pairs: Pairs) -> HeadOutputs:
        """Build encoder, decoder and head; PyTorch's model computes positions without gradient."""
        for stack in (model.model.encoder, model.model.decoder):
            stack.embed_positions.weight.requires_grad_(requires_grad=False)
        return super().head(model, pairs)
