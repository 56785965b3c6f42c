"""Damages texts of tokens for a model to restore, as T5 and BART were pre-trained.

    span corruption    a b c d e f  ─►  a <0> d <1> f   to   <0> b c <1> e <2>
    text infilling     a b c d e f  ─►  a <mask> d <mask> f   to   a b c d e f

Spans start in different gaps between the tokens that are kept, so no two touch. Raffel et al. 2020,
section 3.1.4, https://arxiv.org/abs/1910.10683; Lewis et al. 2020, section 2.2,
https://arxiv.org/abs/1910.13461.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luthier.errors import ModelError
from luthier.hf_types import Tokenizer
from luthier.ragged import Array

SPAN_CORRUPTION, TEXT_INFILLING = "span-corruption", "text-infilling"
DENSITY = {SPAN_CORRUPTION: 0.15, TEXT_INFILLING: 0.3}  # shares of tokens, as in the papers
SENTINEL = "<extra_id_{}>"


@dataclass(frozen=True)
class Noise:
    """How texts are damaged.

    Args:
        density: Share of the tokens that are taken out.
        mean_length: Mean number of tokens of a span.
        sentinels: Ids that stand for the first span, the second …; none for text infilling.
        mask: Id that stands for every span in text infilling.
    """

    density: float
    mean_length: float
    sentinels: tuple[int, ...] = ()
    mask: int = -1

    def damage(self, ids: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Take spans out of a text, (tokens,).

        Returns:
            What is shown of it, (shown,), and what is to be written, (written,).
        """
        if len(ids) == 0:
            return ids, np.array(self.sentinels[:1], dtype=np.int64)
        n_noise = min(max(round(len(ids) * self.density), 1), len(ids))
        if not self.sentinels:
            lengths = poisson_lengths(n_noise, self.mean_length, random)
        else:
            n_spans = max(round(n_noise / self.mean_length), 1)
            n_spans = min(n_spans, len(self.sentinels) - 1, len(ids) - n_noise + 1)
            lengths = cut_at_random(n_noise, n_spans, random)
        spans = spread(len(ids), lengths, random)
        shown = _replaced(ids, spans, self.sentinels or (self.mask,) * len(spans))
        if not self.sentinels:
            return shown, ids
        taken = [
            np.array([sentinel, *ids[first:past]])
            for sentinel, (first, past) in zip(self.sentinels, spans.tolist(), strict=False)
        ]
        return shown, np.concatenate([*taken, [self.sentinels[len(spans)]]])


def noise_for(
    tokenizer: Tokenizer, kind: str | None, *, density: float | None, mean_length: float
) -> Noise:
    """Choose how a model's texts are damaged by what its tokenizer has to stand for a span.

    Args:
        tokenizer: The tokenizer.
        kind: `span-corruption` or `text-infilling`; None: the first where there are sentinels.
        density: Share of the tokens that are taken out; None: as in the paper.
        mean_length: Mean number of tokens of a span.

    Raises:
        ModelError: The tokenizer has nothing that stands for a span.
    """
    known = tokenizer.get_vocab()
    sentinels: list[int] = []
    while (name := SENTINEL.format(len(sentinels))) in known:
        sentinels.append(known[name])
    kind = kind or (SPAN_CORRUPTION if len(sentinels) > 1 else TEXT_INFILLING)
    density = DENSITY[kind] if density is None else density
    if kind == SPAN_CORRUPTION and len(sentinels) > 1:
        return Noise(density, mean_length, tuple(sentinels))
    if kind == TEXT_INFILLING and tokenizer.mask_token_id is not None:
        return Noise(density, mean_length, mask=int(tokenizer.mask_token_id))
    lacks = "sentinels (<extra_id_0> …)" if kind == SPAN_CORRUPTION else "mask token"
    other = "task.options.noise=text-infilling, or " * (tokenizer.mask_token_id is not None)
    raise ModelError(
        f"The tokenizer has no {lacks} to stand for what is taken out of a text.",
        received=f"{type(tokenizer).__name__} and {kind}",
        hint=f"{other}a model that was pre-trained by denoising: T5, mT5 or BART, say",
    )


def cut_at_random(n_tokens: int, n_spans: int, random: np.random.Generator) -> Array:
    """Cut tokens into spans of one token or more, every way equally likely, (spans,)."""
    cuts = np.sort(random.choice(n_tokens - 1, n_spans - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [n_tokens]])).astype(np.int64)


def poisson_lengths(n_tokens: int, mean: float, random: np.random.Generator) -> Array:
    """Draw lengths from a Poisson distribution until they cover `n_tokens`; the last is cut.

    A span of no token inserts a mask; there are never more spans than tokens.
    """
    lengths: list[int] = []
    while (left := n_tokens - sum(lengths)) > 0 and len(lengths) < n_tokens - 1:
        lengths.append(min(int(random.poisson(mean)), left))
    return np.array([*lengths, left] if left > 0 else lengths, dtype=np.int64)


def spread(n_tokens: int, lengths: Array, random: np.random.Generator) -> Array:
    """Give spans places in a text so that none touches another, (spans, 2): first and past."""
    n_gaps = n_tokens - int(lengths.sum()) + 1
    if len(lengths) > n_gaps:  # more than can be kept apart: the first ones take in the others
        lengths = np.append(lengths[: n_gaps - 1], lengths[n_gaps - 1 :].sum())
    gaps = np.sort(random.choice(n_gaps, len(lengths), replace=False))
    first = gaps + np.cumsum(lengths) - lengths
    return np.stack([first, first + lengths], axis=1)


def _replaced(ids: Array, spans: Array, by: tuple[int, ...]) -> Array:
    parts, last = [], 0
    for (first, past), stand_in in zip(spans.tolist(), by, strict=False):
        parts += [ids[last:first], np.array([stand_in])]
        last = past
    return np.concatenate([*parts, ids[last:]]).astype(np.int64)
