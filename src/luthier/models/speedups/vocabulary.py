"""Leave the words that no row uses out of a model's embedding while it trains.

Their gradient is zero in every step, so all that an optimizer does to them is weight decay, which
multiplies every row by the same factor. An extra row of ones, which no text uses, is trained beside
the words in use and ends up as that factor. So gradients, moments and checkpoints hold the words in
use alone, and afterwards the whole embedding is restored, each row as it would have become, up to
rounding.

This is exact for decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), for L2 decay under
SGD, which is linear, and without decay for every optimizer that updates each number by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from luthier.errors import TrainingError
from luthier.hf_types import Model, Tokenizer
from luthier.items import Items
from luthier.models.structure import pretrained
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Training

WORTH = 0.8  # largest share of words in use at which leaving out the others pays
APART = ("adamw_torch", "adamw_torch_fused", "sgd")  # decay multiplies all rows by one factor
TOGETHER = ("adafactor",)  # the update of a row depends on the others


class CompactVocabulary:
    """Makes a model's embedding hold only the words in use.

    Args:
        embedding: The model's embedding.
        ids: Ids of the words in use, increasing, (words,).
    """

    def __init__(self, embedding: nn.Embedding, ids: Array):
        self.embedding = embedding
        self.ids = torch.from_numpy(ids.astype(np.int64))
        self.whole = embedding.weight
        self.n_words, self.padding = embedding.num_embeddings, embedding.padding_idx
        self.places = torch.full((self.n_words,), -1)  # word -> its row, (all words,)
        self.places[self.ids] = torch.arange(len(ids))

    def put_in(self) -> None:
        """Replace the whole embedding by that of the words in use."""
        values = self.whole.detach()
        witness = values.new_ones(1, values.shape[1])
        part = self.embedding
        part.weight = nn.Parameter(torch.cat([values[self.ids], witness]))
        part.num_embeddings = len(part.weight)
        part.padding_idx = None if self.padding is None else int(self.places[self.padding])
        part.forward = partial(self._forward, part)  # type: ignore[method-assign]

    def take_out(self) -> None:
        """Restore the whole embedding, with weight decay applied to the words not in use."""
        part = self.embedding
        with torch.no_grad():
            learned = part.weight.detach()
            self.whole.mul_(learned[-1].to(self.whole))
            self.whole[self.ids] = learned[:-1].to(self.whole)
        self.whole.requires_grad_(part.weight.requires_grad)
        part.weight = self.whole
        part.num_embeddings, part.padding_idx = self.n_words, self.padding
        del part.forward

    def _forward(self, part: nn.Embedding, ids: Tensor) -> Tensor:
        rows = self.places[ids]
        if bool((rows < 0).any()):
            raise TrainingError(
                "A batch has a word that no row has.",
                received=f"the id {int(ids[rows < 0][0])}",
                hint="training.compact_vocabulary=false keeps all words in the model",
            )
        return functional.embedding(rows, part.weight, part.padding_idx)


def words_in(encoded: Mapping[str, Items], tokenizer: Tokenizer) -> Array:
    """Find the ids that batches of any split can hold, (words,); none if items are not texts.

    Args:
        encoded: The rows of each split, `train` among them.
        tokenizer: The tokenizer, whose special tokens are counted as used.
    """
    if "input_ids" not in encoded["train"].inputs:
        return np.empty(0, dtype=np.int64)
    flat = [one.inputs["input_ids"].values for one in encoded.values() if "input_ids" in one.inputs]
    values = [one.values for one in flat if isinstance(one, Ragged)]
    added = [*getattr(tokenizer, "all_special_ids", ())]
    seen = np.zeros(max([0, *added, *(int(one.max(initial=0)) for one in values)]) + 1, dtype=bool)
    for one in (*values, np.array(added, dtype=np.int64)):
        seen[one] = True
    return np.flatnonzero(seen)


def compact(model: Model, used: Array, settings: Training) -> CompactVocabulary | None:
    """Prepare the smaller embedding of a model, if it is exact and worth it.

    Args:
        model: The model, on a CPU.
        used: Ids of the words that occur in any batch, (words,).
        settings: The recipe's training section, for optimizer and weight decay.

    Returns:
        The smaller embedding; None if the embedding is frozen, tied to the output, or has a forward
        of its own, if nearly all words are in use, or if the optimizer's update mixes rows.
    """
    if settings.optim in TOGETHER or (settings.weight_decay > 0 and settings.optim not in APART):
        return None
    inner = pretrained(model)
    if inner is None or not len(used):
        return None
    try:
        part = inner.get_input_embeddings()
    except NotImplementedError:  # the trunk is replaced by stored states
        return None
    if type(part) is not nn.Embedding or "forward" in part.__dict__ or not _is_alone(model, part):
        return None
    if not part.weight.requires_grad or part.max_norm is not None or part.scale_grad_by_freq:
        return None
    own = {part.padding_idx, inner.config.pad_token_id} - {None}
    ids = np.union1d(used, np.array(sorted(own), dtype=np.int64))
    if (
        not len(used)
        or len(ids) > WORTH * part.num_embeddings
        or ids[0] < 0
        or ids[-1] >= part.num_embeddings
    ):
        return None
    return CompactVocabulary(part, ids)


def _is_alone(model: Model, embedding: nn.Embedding) -> bool:
    """Return whether the embedding's weight is used in one place of the model only."""
    places = [
        name
        for name, part in model.named_modules(remove_duplicate=False)
        if any(one is embedding.weight for one in part.parameters(recurse=False))
    ]
    return len(places) == 1 and not embedding.sparse
