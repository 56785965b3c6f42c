"""The way from a text of replaced words to the text itself, as vectors of the model's embeddings.

Most models look every token up once. Encoders with a decoder do so twice, and learned prompts put
vectors of their own between: where that makes it unclear which place is of which word, each word
is replaced alone to see which places change. Next: `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from luthier.explaining.variants import Variants
from luthier.hf_types import Model
from luthier.models.embedded import replacing
from luthier.ragged import Array

Run = Callable[[Mapping[str, Tensor]], object]


@dataclass(frozen=True)
class Way:
    """The vectors where the way begins and where it ends, by call of the table of embeddings.

    Args:
        starts: With all words replaced, (places, width).
        texts: Of the text itself, (places, width).
        words: Word of every place, -1 for none, (places,).
        is_transposed: Whether the model has tokens before texts, as XLNet has.
        n_parts: Texts that the model sees of one item: a row's choices.
    """

    starts: list[Tensor]
    texts: list[Tensor]
    words: list[Array]
    is_transposed: bool
    n_parts: int

    def from_zero(self) -> Way:
        """Begin at vectors of zeros in place of the words'."""
        starts = []
        for text, words in zip(self.texts, self.words, strict=True):
            is_word = torch.from_numpy(words >= 0).to(text.device)
            starts.append(torch.where(is_word[:, None], torch.zeros_like(text), text))
        return Way(starts, self.texts, self.words, self.is_transposed, self.n_parts)

    def at(self, points: Array) -> list[Tensor]:
        """Return the vectors at points of the way, by call (points, places, width)."""
        along = torch.as_tensor(points, dtype=self.texts[0].dtype, device=self.texts[0].device)
        return [
            start + along[:, None, None] * (text - start)
            for start, text in zip(self.starts, self.texts, strict=True)
        ]

    def as_read(self, vectors: Tensor, like: Tensor) -> Tensor:
        """Lay vectors (points, places, width) out as the model looked them up."""
        moved = vectors.to(like.dtype)
        if self.is_transposed:
            n_texts, width = len(moved) * self.n_parts, moved.shape[-1]
            return moved.reshape(n_texts, -1, width).transpose(0, 1)
        return moved.reshape_as(like)

    def of_words(self, of_places: list[Tensor], n_words: int) -> Array:
        """Sum values of places, by call (points, places), to values of words, (points, words)."""
        summed = np.zeros((n_words, len(of_places[0])))
        for values, words in zip(of_places, self.words, strict=True):
            places = np.flatnonzero(words >= 0)
            np.add.at(summed, words[places], values.double().cpu().numpy().T[places])
        return summed.T


def way_of(model: Model, variants: Variants, run: Run, n_words: int, *, at_once: int) -> Way:
    """Record where the way to an item's text begins and ends.

    Args:
        model: The model.
        variants: The item.
        run: Runs the model on variants of the item.
        n_words: How many words the item has.
        at_once: How many variants are computed together.
    """
    calls: list[Tensor] = []

    def record(_: int, __: Tensor, vectors: Tensor) -> Tensor:
        calls.append(vectors.detach().float())
        return vectors

    def ask(without: Array) -> list[Tensor]:
        calls.clear()
        with torch.inference_mode(), replacing(model, record):
            run(variants.replaced(variants.chosen(without)))
        return [one.clone() for one in calls]

    ends = np.array([np.zeros(n_words), np.ones(n_words)], dtype=bool)
    ids = variants.ids["input_ids"]
    n_parts, n_tokens = ids[0].numel() // ids.shape[-1], ids.shape[-1]
    # never as many texts as tokens, so that the two can be told apart
    rows = ends if n_tokens != 2 * n_parts else np.concatenate([ends, ends[:1]])
    found = ask(rows)
    is_transposed = found[0].shape[:2] == (n_tokens, len(rows) * n_parts)

    def by_row(vectors: Tensor, n_rows: int) -> Tensor:
        straight = vectors.transpose(0, 1) if is_transposed else vectors
        return straight.reshape(n_rows, -1, vectors.shape[-1])

    both = [by_row(one, len(rows)) for one in found]
    words = np.split(variants.of_tokens, np.cumsum(list(variants.sizes.values()))[:-1])
    if [one.shape[1] for one in both] != [len(one) for one in words]:
        probes = np.concatenate([ends, np.eye(n_words, dtype=bool)])
        n_chunks = -(-len(probes) // at_once)
        parts = [
            [by_row(one, len(part)) for one in ask(part)]
            for part in np.array_split(probes, n_chunks)
        ]
        both = [torch.cat(ones) for ones in zip(*parts, strict=True)]
        words = [_words_of_places(one) for one in both]
    starts, texts = [one[1] for one in both], [one[0] for one in both]
    return Way(starts, texts, list(words), is_transposed, n_parts)


def _words_of_places(vectors: Tensor) -> Array:
    """Find which word each place is of: the one whose replacement changes its vector, (places,)."""
    changed = (vectors[2:] != vectors[0]).any(dim=-1)  # (words, places)
    found = np.where(changed.any(dim=0).cpu(), changed.int().argmax(dim=0).cpu(), -1)
    return np.asarray(found, dtype=np.int64)
