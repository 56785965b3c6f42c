"""Asks a PyTorch model about one decision again: with words replaced, or with their vectors moved.

Every question is one item in many variants, without padding, dropout or any speed-up. Next:
`explain.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from luthier.explanation import Decision, Words
from luthier.hf_types import Model
from luthier.items import Batch
from luthier.models.embedded import replacing
from luthier.ragged import Array
from luthier.registry import find
from luthier.training.model_calls import run_model

NO_TOKEN = -1  # an id that no token has
AT_ONCE = 1024  # tokens per thread that are computed together on a CPU


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


class TorchReader:
    """One decision of a model on one item.

    Args:
        model: The model, in evaluation mode.
        inputs: The item as the model reads it, each (1, …).
        decision: The decision.
        words: The item's words.
        replacement: What words are replaced by.
    """

    def __init__(
        self,
        model: Model,
        inputs: Mapping[str, Array],
        decision: Decision,
        words: Words,
        replacement: Replacement,
    ):
        self.model, self.decision, self.replacement = model, decision, replacement
        self.n_words, self.of_tokens = len(words), words.of_tokens
        device = next(model.parameters()).device
        self.inputs = {name: torch.from_numpy(one).to(device) for name, one in inputs.items()}
        self.values_of: Callable[[Any], Tensor] = find("inference-kinds", decision.kind).values
        self._is_transposed = False  # whether tokens come before texts, as in XLNet
        self._ends: tuple[list[Tensor], list[Tensor], list[Array]] | None = None

    # -- answers ---------------------------------------------------------------------------------

    def values(self) -> Array:
        """Return the model's outputs for the item as it is, (…)."""
        with torch.inference_mode():
            found = self._run(self.inputs["input_ids"])[0].float().cpu().numpy()
        return np.asarray(found)

    def scores(self, without: Array, *, delete: bool = False) -> Array:
        """Return log-odds where words are replaced or deleted; see `explanation.Reader`."""
        found = []
        for part in np.array_split(without, self._n_chunks(len(without))):
            with torch.inference_mode():
                values = self._without_tokens(part) if delete else self._run(self._replaced(part))
                found.append(self._odds(values).double().cpu().numpy())
        return np.concatenate(found)

    def slopes(self, points: Array, *, from_zero: bool = False) -> tuple[Array, Array]:
        """Return log-odds and slopes on the way to the text; see `explanation.Reader`."""
        texts, starts, words = self._recorded()
        starts = [
            torch.where(self._is_word(of_places)[:, None], torch.zeros_like(text), text)
            if from_zero
            else start
            for text, start, of_places in zip(texts, starts, words, strict=True)
        ]
        scores, slopes = [], []
        for part in np.array_split(points, self._n_chunks(len(points))):
            along = torch.as_tensor(part, dtype=texts[0].dtype, device=texts[0].device)
            moved = [
                start + along[:, None, None] * (text - start)
                for text, start in zip(texts, starts, strict=True)
            ]
            score, gradients = self._gradients(moved)
            scores.append(score)
            slopes.append(
                self._of_words(
                    [
                        ((text - start) * one).sum(dim=-1)
                        for text, start, one in zip(texts, starts, gradients, strict=True)
                    ]
                )
            )
        return np.concatenate(scores), np.concatenate(slopes)

    def norms(self) -> tuple[float, Array]:
        """Return log-odds and the norm of each word's gradient; see `explanation.Reader`."""
        texts, _, _ = self._recorded()
        score, gradients = self._gradients([text[None].clone() for text in texts])
        squares = self._of_words([one.square().sum(dim=-1) for one in gradients])
        return float(score[0]), np.sqrt(squares[0])

    # -- how they are found ----------------------------------------------------------------------

    def _odds(self, values: Tensor) -> Tensor:
        """Return the decision's log-odds, or its number, of outputs (texts, …), (texts,)."""
        total = torch.zeros(len(values), dtype=torch.float32, device=values.device)
        for choice in self.decision.choices:
            outputs = values[(slice(None), *choice.outputs)].float()
            if choice.chosen is None:
                total = total + outputs.reshape(len(values))
                continue
            is_other = torch.ones(outputs.shape[1], dtype=torch.bool, device=values.device)
            is_other[choice.chosen] = False
            total = total + outputs[:, choice.chosen] - outputs[:, is_other].logsumexp(dim=1)
        if self.decision.is_number:
            return self.decision.mean + self.decision.scale * total
        return total

    def _run(self, ids: Tensor) -> Tensor:
        """Run the model on variants of the item, (texts, …), and select the outputs."""
        repeated = {name: one.expand(len(ids), *one.shape[1:]) for name, one in self.inputs.items()}
        batch = Batch({**repeated, "input_ids": ids}, None, len(ids))
        return self.values_of(run_model(self.model, batch))

    def _replaced(self, without: Array) -> Tensor:
        """Replace the tokens of words, (texts, …)."""
        ids = self.inputs["input_ids"]
        # the last column stands for tokens of no word, which are never replaced
        chosen = np.pad(without, ((0, 0), (0, 1)))[:, self.of_tokens]  # (texts, tokens)
        is_chosen = torch.from_numpy(chosen).to(ids.device).reshape(len(without), *ids.shape[1:])
        return torch.where(is_chosen, self.replacement.token, ids)

    def _without_tokens(self, without: Array) -> Tensor:
        """Run the model on the item without the tokens of words."""
        kept = ~np.pad(without, ((0, 0), (0, 1)))[:, self.of_tokens]
        longest = int(kept.sum(axis=1).max())
        # kept tokens go to the side that is not padded, in their order
        order = np.argsort(kept if self.replacement.is_left else ~kept, axis=1, kind="stable")
        order = order[:, -longest:] if self.replacement.is_left else order[:, :longest]
        device = self.inputs["input_ids"].device
        real = torch.from_numpy(np.take_along_axis(kept, order, axis=1)).to(device)
        places = torch.from_numpy(order).to(device)
        fills = {"input_ids": self.replacement.padding}
        inputs = {
            name: torch.where(real, one[0][places], fills.get(name, 0))
            for name, one in self.inputs.items()
        }
        return self.values_of(run_model(self.model, Batch(inputs, None, len(without))))

    def _gradients(self, moved: list[Tensor]) -> tuple[Array, list[Tensor]]:
        """Return log-odds, (points,), and their gradients, by call (points, places, width)."""
        leaves = [one.requires_grad_() for one in moved]
        n_points = len(leaves[0])

        def replace(call: int, _: Tensor, vectors: Tensor) -> Tensor:
            moved = leaves[call].to(vectors.dtype)
            return moved.transpose(0, 1) if self._is_transposed else moved.reshape_as(vectors)

        ids = self.inputs["input_ids"]
        with _frozen(self.model), torch.enable_grad(), replacing(self.model, replace):
            odds = self._odds(self._run(ids.expand(n_points, *ids.shape[1:])))
            gradients = torch.autograd.grad(odds.sum(), leaves)
        return odds.detach().double().cpu().numpy(), [one.detach() for one in gradients]

    def _recorded(self) -> tuple[list[Tensor], list[Tensor], list[Array]]:
        """Record the vectors of the text and of a text of replaced words.

        Returns:
            Both by call of the table, (places, width), and the word of every place, (places,).
        """
        if self._ends is not None:
            return self._ends
        ids = self.inputs["input_ids"]
        n_tokens = ids[0].numel()
        # a row for the text, one without any word, and one for each word that is replaced alone;
        # never as many rows as tokens, so that the two can be told apart
        without = np.concatenate([np.zeros((1, self.n_words)), np.ones((1, self.n_words))])
        probes = np.concatenate([without, np.eye(self.n_words)]).astype(bool)
        calls: list[Tensor] = []

        def record(_: int, __: Tensor, vectors: Tensor) -> Tensor:
            calls.append(vectors.detach().float())
            return vectors

        def ask(variants: Array) -> list[Tensor]:
            calls.clear()
            with torch.inference_mode(), replacing(self.model, record):
                self._run(self._replaced(variants))
            return [one.clone() for one in calls]

        rows = without if n_tokens != 2 else np.concatenate([without, without[:1]])
        first = ask(rows.astype(bool))
        self._is_transposed = first[0].shape[:2] == (n_tokens, len(rows))
        plain = first[0].numel() // first[0].shape[-1] == len(rows) * n_tokens
        if len(first) == 1 and plain:
            both = [self._by_row(first[0], len(rows))]
            found = [self.of_tokens]
        else:  # the model sees the text twice, or with something in it: see which place is which
            parts = [ask(part) for part in np.array_split(probes, self._n_chunks(len(probes)))]
            both = [torch.cat(ones) for ones in zip(*parts, strict=True)]
            found = [_words_of_places(one) for one in both]
        self._ends = [one[0] for one in both], [one[1] for one in both], found
        return self._ends

    def _by_row(self, vectors: Tensor, n_rows: int) -> Tensor:
        """Return vectors as (texts, places, width)."""
        if self._is_transposed:
            return vectors.transpose(0, 1)
        return vectors.reshape(n_rows, -1, vectors.shape[-1])

    def _is_word(self, of_places: Array) -> Tensor:
        return torch.from_numpy(of_places >= 0).to(self.inputs["input_ids"].device)

    def _of_words(self, of_places: list[Tensor]) -> Array:
        """Sum values of places, by call (points, places), to values of words, (points, words)."""
        summed = np.zeros((len(of_places[0]), self.n_words))
        for values, words in zip(of_places, self._recorded()[2], strict=True):
            of_words = values.double().cpu().numpy()
            for place in np.flatnonzero(words >= 0):
                summed[:, words[place]] += of_words[:, place]
        return summed

    def _n_chunks(self, n_texts: int) -> int:
        ids = self.inputs["input_ids"]
        most = AT_ONCE * torch.get_num_threads() if ids.device.type == "cpu" else 16 * AT_ONCE
        return max(1, min(n_texts, -(-n_texts * ids[0].numel() // most)))


def _words_of_places(vectors: Tensor) -> Array:
    """Find which word each place is of: the one whose replacement changes its vector, (places,)."""
    changed = (vectors[2:] != vectors[0]).any(dim=-1)  # (words, places)
    found = np.where(changed.any(dim=0), changed.int().argmax(dim=0), -1)
    return np.asarray(found, dtype=np.int64)


@contextmanager
def _without_padding(model: Model) -> Iterator[None]:
    """Take no token for padding: heads of decoders look for the last token that is none."""
    padding = model.config.pad_token_id
    model.config.pad_token_id = NO_TOKEN
    try:
        yield
    finally:
        model.config.pad_token_id = padding


@contextmanager
def _frozen(model: Model) -> Iterator[None]:
    """Compute no gradients of weights."""
    trained = [one for one in model.parameters() if one.requires_grad]
    for one in trained:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in trained:
            one.requires_grad_(True)
