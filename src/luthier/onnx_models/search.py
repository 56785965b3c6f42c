"""Greedy decoding and beam search in NumPy, which find what Transformers' `generate` finds.

Rows are dropped as soon as their answer is fixed, so a short text does not wait for a long one.
Beam search follows `GenerationMixin._beam_search`; the names are its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from luthier.onnx_models.token_rules import ids_in, log_softmax, rules_of
from luthier.ragged import Array

NEVER = np.float32(-1.0e9)  # a score that no sequence reaches


class Decoder(Protocol):
    """A model in the middle of writing, with what it keeps of the tokens before."""

    def __call__(self, tokens: Array) -> Array:
        """Read tokens (n, new); return the logits of the next, (n, vocabulary), float32."""

    def reorder(self, rows: Array) -> None:
        """Go on with these of its rows, in this order; a row may be there several times."""


def write(
    decoder: Decoder, prompt: Array, padding: Array, settings: Mapping[str, Any]
) -> list[Array]:
    """Write after prompts, by the settings of `generate`.

    Args:
        decoder: The model, which has read nothing yet.
        prompt: Token ids, (rows, tokens), padded on the left.
        padding: Number of padding tokens of each row, (rows,).
        settings: What `describe_generation` wrote.

    Returns:
        The ids written for each row, up to and including the end token.
    """
    most = prompt.shape[1] + int(settings["max_new_tokens"])
    search = _beams if settings.get("num_beams", 1) > 1 else _greedy
    return search(decoder, prompt, padding, settings, most)


def _greedy(
    decoder: Decoder, prompt: Array, padding: Array, settings: Mapping[str, Any], most: int
) -> list[Array]:
    n_given, ends = prompt.shape[1], ids_in(settings.get("eos_token_id"))
    rules = rules_of(settings, n_given, most)
    found: list[Array] = [prompt[:0]] * len(prompt)
    ids, rows, tokens = prompt, np.arange(len(prompt)), prompt
    while len(rows):
        scores = decoder(tokens)
        for rule in rules:
            scores = rule(scores, ids, padding)
        tokens = scores.argmax(axis=1)[:, None]
        ids = np.concatenate([ids, tokens], axis=1)
        is_done = np.isin(tokens[:, 0], ends) | (ids.shape[1] >= most)
        if not is_done.any():
            continue
        for place in np.flatnonzero(is_done):
            found[rows[place]] = ids[place, n_given:]
        kept = np.flatnonzero(~is_done)
        ids, rows, tokens, padding = ids[kept], rows[kept], tokens[kept], padding[kept]
        decoder.reorder(kept)
    return found


def _beams(
    decoder: Decoder, prompt: Array, padding: Array, settings: Mapping[str, Any], most: int
) -> list[Array]:
    n_beams = int(settings["num_beams"])
    rules = rules_of(settings, prompt.shape[1], most)
    search = BeamSearch(prompt, settings, most)
    found: list[Array] = [prompt[:0]] * len(prompt)
    rows, scores = np.arange(len(prompt)), decoder(prompt)
    first = np.repeat(rows, n_beams)
    decoder.reorder(first)
    scores, padding = scores[first], padding[first]
    while True:
        ids = search.running[:, :, : search.length].reshape(-1, search.length)
        chances = log_softmax(scores)
        for rule in rules:
            chances = rule(chances, ids, padding)
        order = search.advance(chances)
        is_done = search.is_done()
        for place in np.flatnonzero(is_done):
            found[rows[place]] = search.best(int(place))
        if is_done.all():
            return found
        if is_done.any():
            kept = np.flatnonzero(~is_done)
            rows, order = rows[kept], order.reshape(-1, n_beams)[kept].reshape(-1)
            padding = padding.reshape(-1, n_beams)[kept].reshape(-1)
            search.keep(kept)
        decoder.reorder(order)
        scores = decoder(search.running[:, :, search.length - 1].reshape(-1, 1))


class BeamSearch:
    """The beams of a batch: those that run on, and the best of those that are finished.

    Args:
        prompt: Token ids, (rows, tokens).
        settings: What `describe_generation` wrote.
        most: The most tokens, prompt included.
    """

    def __init__(self, prompt: Array, settings: Mapping[str, Any], most: int):
        self._ends, self._most = ids_in(settings.get("eos_token_id")), most
        self._penalty = float(settings.get("length_penalty", 1.0))
        self._early = settings.get("early_stopping", False)
        n_rows, self.length = prompt.shape
        self._n_given, self._n_beams = self.length, int(settings["num_beams"])
        self._n_kept = max(2, 1 + len(self._ends)) * self._n_beams
        shape = n_rows, self._n_beams
        self.running = np.zeros((*shape, most), dtype=np.int64)
        self.running[:, :, : self.length] = prompt[:, None]
        self._scores = np.zeros(shape, dtype=np.float32)
        self._scores[:, 1:] = NEVER  # all beams begin alike: the first alone counts
        self._finished, self._ends_at = self.running.copy(), np.zeros(shape, dtype=np.int64)
        self._finished_scores = np.full(shape, NEVER)
        self._is_finished = np.zeros(shape, dtype=bool)
        self._is_open = np.ones((n_rows, 1), dtype=bool)  # its best answer may still get better
        self._has_next = np.ones(n_rows, dtype=bool)

    def advance(self, chances: Array) -> Array:
        """Go on by a token.

        Args:
            chances: Log probabilities of the next token, (rows × beams, vocabulary).

        Returns:
            The beam that each beam goes on from, (rows × beams,), as rows of `chances`.
        """
        n_rows, vocabulary = len(self.running), chances.shape[1]
        summed = (chances.reshape(n_rows, self._n_beams, -1) + self._scores[:, :, None]).reshape(
            n_rows, -1
        )
        best = largest(summed, min(self._n_kept, summed.shape[1]))  # (rows, kept)
        scores = np.take_along_axis(summed, best, axis=1)
        beams, tokens = best // vocabulary, best % vocabulary
        sequences = np.take_along_axis(self.running, beams[:, :, None], axis=1)
        sequences[:, :, self.length] = tokens
        ends = np.isin(tokens, self._ends) | (self.length + 1 >= self._most)
        self._finish(sequences, scores, ends)
        going = scores + ends.astype(np.float32) * NEVER
        places = largest(going, self._n_beams)
        self.running = np.take_along_axis(sequences, places[:, :, None], axis=1)
        self._scores = np.take_along_axis(going, places, axis=1)
        self._has_next = ~ends.all(axis=1)
        self.length += 1
        self._look_ahead()
        offsets = np.arange(n_rows)[:, None] * self._n_beams
        order: Array = (np.take_along_axis(beams, places, axis=1) + offsets).reshape(-1)
        return order

    def _finish(self, sequences: Array, scores: Array, ends: Array) -> None:
        """Put sequences that ended among the finished, if they are better."""
        ends = ends & (np.arange(ends.shape[1]) < self._n_beams)  # the others are a reserve
        scores = scores / np.float32((self.length + 1 - self._n_given) ** self._penalty)
        is_full = self._is_finished.all(axis=1, keepdims=True) & (self._early is True)
        for never in (is_full, ~self._is_open, ~ends):
            scores = scores + never.astype(np.float32) * NEVER
        lengths = np.full(ends.shape, self.length + 1)
        merged = np.concatenate([self._finished_scores, scores], axis=1)
        places = largest(merged, self._n_beams)

        def chosen(old: Array, new: Array) -> Array:
            both = np.concatenate([old, new], axis=1)
            at = places if both.ndim == 2 else places[:, :, None]
            return np.take_along_axis(both, at, axis=1)

        self._finished = chosen(self._finished, sequences)
        self._ends_at = chosen(self._ends_at, lengths)
        self._is_finished = chosen(self._is_finished, ends)
        self._finished_scores = np.take_along_axis(merged, places, axis=1)

    def _look_ahead(self) -> None:
        """See whether a running beam may still become better than a finished one."""
        is_never = self._early == "never" and self._penalty > 0
        length = (self._most if is_never else self.length) - self._n_given
        possible = self._scores[:, :1] / np.float32(length**self._penalty)
        worst = self._finished_scores.min(axis=1, keepdims=True)
        worst = np.where(self._is_finished, worst, NEVER)
        self._is_open &= (possible > worst).any(axis=1, keepdims=True)

    def is_done(self) -> Array:
        """Say which rows cannot change any more, (rows,)."""
        is_full = self._is_finished.all(axis=1) & (self._early is True)
        done: Array = ~self._is_open[:, 0] | is_full | ~self._has_next
        return done

    def best(self, row: int) -> Array:
        """Return what was written in the best finished sequence of a row."""
        written: Array = self._finished[row, 0, self._n_given : self._ends_at[row, 0]]
        return written

    def keep(self, rows: Sequence[int] | Array) -> None:
        """Go on with these rows alone."""
        for name, one in vars(self).items():
            if isinstance(one, np.ndarray) and one.ndim:
                setattr(self, name, one[rows])


def largest(values: Array, n: int) -> Array:
    """Return the places of the largest values of each row, (rows, n), the largest first.

    >>> largest(np.array([[1, 5, 3, 4]]), 2).tolist()
    [[1, 3]]
    """
    if n < values.shape[1]:
        places = np.argpartition(values, values.shape[1] - n, axis=1)[:, -n:]
    else:
        places = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    found: Array = np.take_along_axis(places, order, axis=1)
    return found
