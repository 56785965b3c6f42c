"""A classifier that is a masked language model: it fills the hole of a pattern put into each row.

    rows (batch, tokens) ─► with the pattern ─► trunk ─► state of the hole ─► language head
         ─► scores of the labels' words (batch, labels)

What is saved is a plain checkpoint of the masked language model, with `head.json` beside it.
Next: `heads.py`, which reads it back; the ids come from `text/patterns.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from luthier.models.structure import Stored, compute_again


class PromptClassifier(nn.Module):
    """A masked language model that reads a pattern around every row.

    Args:
        filler: Any `AutoModelForMaskedLM`.
        pieces: Ids of the pattern, (pieces,).
        slots: Where each is put: 0 before the first text, 1 after it, 2 before the second text,
            3 after the last, (pieces,).
        types: The token type of each, (pieces,).
        hole: Which of the pieces is the mask.
        words: The id of each label's word, (labels,).
        frame: How many special tokens stand before, between and after texts, (3,).
        separator: The first token between two texts; None where there is one text.
        max_tokens: What the model can read; of a longer row with its pattern, text is cut off.
    """

    pieces: Tensor
    slots: Tensor
    types: Tensor
    words: Tensor

    def __init__(
        self,
        filler: Any,
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
        super().__init__()
        self.filler = filler
        self.config = filler.config
        self.hole, self.separator, self.max_tokens = int(hole), separator, int(max_tokens)
        self.n_start, self.n_between, self.n_end = (int(n) for n in frame)
        lists = {"pieces": pieces, "slots": slots, "types": types, "words": words}
        for name, values in lists.items():  # they follow from the settings: not among the weights
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
        """See that ids are known and places exist: settings may come from a stranger's folder."""
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
            raise ValueError("the pattern's ids and places do not go together")

    @property
    def base_model(self) -> Any:
        """The trunk, by the name that models of Transformers have for it."""
        return self.filler.base_model

    def get_input_embeddings(self) -> Any:
        """Give the embeddings of tokens."""
        return self.filler.get_input_embeddings()

    def gradient_checkpointing_enable(self) -> None:
        """Trade time for memory in the trunk."""
        compute_again(self.filler)

    def forward(self, **batch: Tensor) -> Any:
        """Give `.logits`, the scores of the labels' words in the hole, (batch, labels)."""
        inputs, holes = self.insert(batch)

        def pick(_: Any, __: Any, said: Any) -> Stored:
            """Let the head see the hole alone: vocabularies are long."""
            states = said[0]  # (batch, tokens, width)
            rows = torch.arange(len(states), device=states.device)
            return Stored(last_hidden_state=states[rows, holes][:, None])

        hook = self.base_model.register_forward_hook(pick)
        try:
            scores = self.filler(**inputs).logits[:, 0]  # (batch, vocabulary)
        finally:
            hook.remove()
        return SimpleNamespace(logits=scores[:, self.words])

    def insert(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Put the pattern into every row; padding moves to the right.

        Every token and every piece has a number that says where it goes; sorting does the rest.

        Returns:
            The batch, now (batch, tokens + pieces) or what can be read of it, and the place of the
            hole in each row, (batch,).
        """
        ids, is_token = batch["input_ids"], batch["attention_mask"].bool()
        (n_rows, width), n_pieces = ids.shape, len(self.pieces)
        places = torch.arange(width, device=ids.device)
        borders, is_cut = self.borders(ids, is_token)
        is_token = is_token & ~is_cut
        step = n_pieces + 1  # between two tokens there is room for all pieces
        of_tokens = ((places + 1) * step).masked_fill(~is_token, (width + 2) * step)
        order_of = torch.arange(n_pieces, device=ids.device)
        of_pieces = borders[:, self.slots] * step + 1 + order_of  # (batch, pieces)
        order = torch.cat([of_tokens, of_pieces], dim=1).argsort(dim=1, stable=True)
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
        """Find where pieces go, and what must give way to them.

        Returns:
            The token before which each slot's pieces are put, (batch, 4); and whether a token is
            cut off, (batch, tokens): the last ones of the longer text.
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
        last = torch.where(middle - first >= end - second, middle, end)  # of the longer text
        n_over = (n_tokens + len(self.pieces) - self.max_tokens).clamp(min=0)
        is_cut = (places < last[:, None]) & (places >= (last - n_over)[:, None])
        return torch.stack([first, middle, second, end], dim=1), is_cut

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the language model as a plain checkpoint, and the pattern beside it."""
        from luthier.models.heads import write_head

        self.filler.save_pretrained(folder)
        write_head(self, Path(folder), inner="filler.")
