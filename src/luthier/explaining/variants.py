"""Variants of one item: with words replaced by a mask, or left out.

An item has its tokens in `input_ids`; where a decoder writes, also in `decoder_input_ids`: what it
wrote before. Next: `vectors.py`, `reader.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from luthier.ragged import Array

IDS = ("input_ids", "decoder_input_ids")


@dataclass(frozen=True)
class Replacement:
    """What words are replaced by.

    Args:
        token: Its id.
        name: Its name, as the tokenizer writes it.
        padding: Id of the token that fills shorter texts, where words are deleted.
        is_left: Whether shorter texts are filled on the left.
    """

    token: int
    name: str
    padding: int = 0
    is_left: bool = False


def replacement_of(tokenizer: Any) -> Replacement:
    """Choose what words are replaced by: the mask, or else what the tokenizer has."""
    for kind in ("mask", "pad", "unk", "eos"):
        if (token := getattr(tokenizer, f"{kind}_token_id", None)) is not None:
            name = str(getattr(tokenizer, f"{kind}_token"))
            is_left = tokenizer.padding_side == "left"
            return Replacement(int(token), name, int(tokenizer.pad_token_id or 0), is_left)
    return Replacement(0, "token 0")


class Variants:
    """One item, to be asked about with some of its words replaced or left out.

    Args:
        inputs: The item as the model reads it, each (1, …).
        of_tokens: Word of every token, -1 for none, those of the decoder last, (tokens,).
        replacement: What words are replaced by.
        kept: Tokens that are never left out, but replaced, (k,).
    """

    def __init__(
        self, inputs: Mapping[str, Tensor], of_tokens: Array, replacement: Replacement, kept: Array
    ):
        self.inputs, self.of_tokens, self.replacement, self.kept = (
            inputs,
            of_tokens,
            replacement,
            kept,
        )
        self.ids = {name: inputs[name] for name in IDS if name in inputs}
        self.sizes = {name: one[0].numel() for name, one in self.ids.items()}
        if sum(self.sizes.values()) != len(of_tokens):
            raise ValueError("there is a word, or none, for every token")

    @property
    def device(self) -> torch.device:
        """Where the item is."""
        return self.ids["input_ids"].device

    def chosen(self, without: Array) -> Array:
        """Return which tokens are of chosen words, (texts, tokens), from (texts, words)."""
        # the last column stands for tokens of no word, which are never chosen
        return np.asarray(np.pad(without.astype(bool), ((0, 0), (0, 1)))[:, self.of_tokens])

    def repeated(self, n_texts: int) -> dict[str, Tensor]:
        """Repeat the item as it is, (texts, …)."""
        return {
            name: one.expand(n_texts, *one.shape[1:]).contiguous()
            for name, one in self.inputs.items()
        }

    def replaced(self, chosen: Array) -> dict[str, Tensor]:
        """Replace chosen tokens, (texts, tokens)."""
        inputs = self.repeated(len(chosen))
        for name, part in self._by_ids(chosen).items():
            is_chosen = (
                torch.from_numpy(np.ascontiguousarray(part))
                .to(self.device)
                .reshape(inputs[name].shape)
            )
            inputs[name] = torch.where(is_chosen, self.replacement.token, inputs[name])
        return inputs

    def left_out(self, chosen: Array) -> tuple[dict[str, Tensor], Array, Array]:
        """Leave chosen tokens out, (texts, tokens); the others move up.

        Returns:
            The inputs; which token of `input_ids` stands in each place; and whether one does,
            (texts, …, places).
        """
        always = np.isin(np.arange(chosen.shape[1]), self.kept)
        inputs, left_out = self.replaced(chosen & always), self._by_ids(chosen & ~always)
        found = {name: self._move(inputs, name, ~one) for name, one in left_out.items()}
        return inputs, *found["input_ids"]

    def _move(self, inputs: dict[str, Tensor], name: str, kept: Array) -> tuple[Array, Array]:
        """Leave out tokens of some ids, and of what goes with these, in place."""
        shape = inputs[name].shape  # (texts, …, tokens)
        is_kept = kept.reshape(shape)
        is_left = self.replacement.is_left
        longest = int(is_kept.sum(axis=-1).max())
        # kept tokens go to the side that is not padded, in their order
        order = np.argsort(is_kept if is_left else ~is_kept, axis=-1, kind="stable")
        order = order[..., -longest:] if is_left else order[..., :longest]
        is_real = np.take_along_axis(is_kept, order, axis=-1)
        places, real = (torch.from_numpy(one).to(self.device) for one in (order, is_real))
        for other, values in list(inputs.items()):
            if other == name or (other not in IDS and values.shape == shape):
                fill = self.replacement.padding if other in IDS else 0
                inputs[other] = torch.where(real, values.gather(-1, places), fill)
        return order, is_real

    def _by_ids(self, of_tokens: Array) -> dict[str, Array]:
        """Take (texts, tokens) apart by the ids that the tokens are of."""
        ends = np.cumsum(list(self.sizes.values()))[:-1]
        return dict(zip(self.ids, np.split(of_tokens, ends, axis=1), strict=True))
