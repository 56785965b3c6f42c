"""Classification by a masked language model that fills the mask of a pattern put into each row.

    rows (batch, tokens) ─► with the pattern ─► trunk ─► state of the mask ─► language head
         ─► scores of the labels' words (batch, labels)

The saved model is a plain checkpoint of the masked language model, with `head.json` beside it.
Next: `heads.py`, which reads it back; the ids come from `text/patterns.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from luthier.hf_types import Model
from luthier.models.structure import Stored
from luthier.models.wrapper import HeadOutput, Wrapper


class PromptClassifier(Wrapper):
    """A masked language model that reads a pattern around every row.

    Args:
        inner: Model `AutoModelForMaskedLM`.
        pieces: Token ids of the pattern, (pieces,).
        slots: Where each piece is put: 0 before the first text, 1 after it, 2 before the second
            text, 3 after the last, (pieces,).
        types: Token type id of each piece, (pieces,).
        hole: Index of the piece that is the mask.
        words: Token id of each label's word, (labels,).
        frame: Numbers of special tokens before, between and after texts, (3,).
        separator: Id of the first token between two texts; None if rows have one text.
        max_tokens: Most tokens the model reads; the text of a longer row is truncated, its pattern
            is not.
    """

    pieces: Tensor
    slots: Tensor
    types: Tensor
    words: Tensor

    def __init__(
        self,
        inner: Model,
        *,
        pieces: Sequence[int],
        slots: Sequence[int],
        types: Sequence[int],
        hole: int,
        words: Sequence[int],
        frame: Sequence[int],
        separator: int | None,
        max_tokens: int,
    ):
        super().__init__(inner)
        self.hole, self.separator, self.max_tokens = int(hole), separator, int(max_tokens)
        self.n_start, self.n_between, self.n_end = (int(n) for n in frame)
        lists = {"pieces": pieces, "slots": slots, "types": types, "words": words}
        for name, values in lists.items():  # the settings hold them, so they are no weights
            self.register_buffer(name, torch.tensor(list(values)).long(), persistent=False)
        self.settings = {
            **{name: list(values) for name, values in lists.items()},
            "hole": hole,
            "frame": list(frame),
            "separator": separator,
            "max_tokens": max_tokens,
        }
        self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        """Check that ids and slots exist: the settings may come from an untrusted folder."""
        n_pieces, n_known = len(self.pieces), self.get_input_embeddings().num_embeddings
        ids = torch.cat([self.pieces, self.words])
        is_sound = (
            len(self.slots) == len(self.types) == n_pieces < self.max_tokens
            and 0 <= self.hole < n_pieces
            and bool(((ids >= 0) & (ids < n_known)).all())
            and bool(((self.slots >= 0) & (self.slots < 4)).all())
            and bool((self.slots.diff() >= 0).all())
            and min(self.n_start, self.n_between, self.n_end, int(self.types.min())) >= 0
        )
        if not is_sound:
            raise ValueError("the pattern's ids and slots do not fit each other or the vocabulary")

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Return `logits`, the scores of the labels' words at the mask, (batch, labels)."""
        inputs, holes = self.insert(batch)

        def pick(_: nn.Module, __: Any, outputs: Any) -> Stored:
            """Keep the mask's state alone, as the head over the vocabulary is the costly part."""
            states = outputs[0]  # (batch, tokens, width)
            rows = torch.arange(len(states), device=states.device)
            return Stored(last_hidden_state=states[rows, holes][:, None])

        hook = self.base_model.register_forward_hook(pick)
        try:
            scores = self.inner(**inputs).logits[:, 0]  # (batch, vocabulary)
        finally:
            hook.remove()
        return HeadOutput(logits=scores[:, self.words])

    def insert(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Put the pattern into every row; padding moves to the right.

        Every token and every piece gets a sort key, and one sort puts all of them in place.

        Returns:
            The batch, now (batch, tokens + pieces) or as much as the model reads, and the position
            of the mask in each row, (batch,).
        """
        ids, is_token = batch["input_ids"], batch["attention_mask"].bool()
        (n_rows, width), n_pieces = ids.shape, len(self.pieces)
        places = torch.arange(width, device=ids.device)
        borders, is_cut = self.borders(ids, is_token)
        is_token = is_token & ~is_cut
        step = n_pieces + 1  # keys of tokens are so far apart that all pieces fit between two
        of_tokens = ((places + 1) * step).masked_fill(~is_token, (width + 2) * step)
        order_of = torch.arange(n_pieces, device=ids.device)
        of_pieces = borders[:, self.slots] * step + 1 + order_of  # (batch, pieces)
        order = torch.cat([of_tokens, of_pieces], dim=1).argsort(dim=1, stable=True)
        # padding and truncated tokens have the largest key and come last
        filled = torch.cat([is_token, is_token.new_ones(n_rows, n_pieces)], dim=1)
        order = order[:, : int(filled.sum(dim=1).max())]

        def with_pieces(values: Tensor, pieces: Tensor) -> Tensor:
            both = torch.cat([values, pieces.to(values).expand(n_rows, -1)], dim=1)
            return both.gather(1, order)

        made = {
            "input_ids": with_pieces(ids, self.pieces),
            "attention_mask": filled.gather(1, order).to(batch["attention_mask"]),
        }
        if "token_type_ids" in batch:
            made["token_type_ids"] = with_pieces(batch["token_type_ids"], self.types)
        return made, (order == width + self.hole).int().argmax(dim=1)

    def borders(self, ids: Tensor, is_token: Tensor) -> tuple[Tensor, Tensor]:
        """Find where pieces go, and which tokens are truncated to make room for them.

        Returns:
            The position before which each slot's pieces are put, (batch, 4), and whether a token
            is truncated, (batch, tokens): the last ones of the longer text are.
        """
        places = torch.arange(ids.shape[1], device=ids.device)
        start, n_tokens = is_token.int().argmax(dim=1), is_token.sum(dim=1)  # (batch,)
        first, end = start + self.n_start, start + n_tokens - self.n_end
        middle = end
        if self.separator is not None:
            is_border = (ids == self.separator) & (places >= first[:, None])
            found = is_border.int().argmax(dim=1)
            middle = torch.where(is_border.any(dim=1) & (found < end), found, end)
        second = torch.minimum(middle + self.n_between, end)
        last = torch.where(middle - first >= end - second, middle, end)  # end of the longer text
        n_over = (n_tokens + len(self.pieces) - self.max_tokens).clamp(min=0)
        is_cut = (places < last[:, None]) & (places >= (last - n_over)[:, None])
        return torch.stack([first, middle, second, end], dim=1), is_cut
