"""What a model had read when it decided: the inputs of one item, and the words in them.

For a written token, that is also what was written before it. Next: `explain.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from luthier.explaining.variants import IDS
from luthier.explanation import Decision, Words
from luthier.hf_types import Model, Tokenizer
from luthier.ragged import Array
from luthier.task_types.written import words_before


@dataclass(frozen=True)
class Passage:
    """What a model had read.

    Args:
        inputs: The item as the model reads it, each (1, …).
        words: Its words.
    """

    inputs: Mapping[str, Array]
    words: Words

    @property
    def ids(self) -> Array:
        """The tokens, those of the decoder last, (tokens,)."""
        return np.concatenate([self.inputs[name].ravel() for name in IDS if name in self.inputs])

    def followed_by(
        self, ids: Array, decision: Decision, tokenizer: Tokenizer, model: Model
    ) -> Passage:
        """Add the tokens that were written before another.

        Args:
            ids: What was written, (tokens,).
            decision: Which token is explained.
            tokenizer: The tokenizer.
            model: The model, which reads what it wrote after its input, or by its decoder.
        """
        if decision.step is None:
            return self
        before = ids[None, : decision.step].astype(np.int64)
        inputs = dict(self.inputs)
        n_starts = 0
        if model.config.is_encoder_decoder:
            start = np.full((1, 1), first_token(model), dtype=np.int64)
            inputs["decoder_input_ids"] = np.concatenate([start, before], axis=1)
            n_starts = 1
        else:
            more = {"input_ids": before, "attention_mask": np.ones_like(before)}
            inputs |= {
                name: np.concatenate([inputs[name], one], axis=1) for name, one in more.items()
            }
        words = words_before(ids, tokenizer, decision.step)
        return Passage(inputs, joined(self.words, words, n_starts))

    def hiding(self, decision: Decision, mask: int) -> Passage:
        """Replace the decision's own words throughout, if it asks for what stands around them.

        Args:
            decision: The decision.
            mask: The token that replaces them.
        """
        if not decision.is_hidden:
            return self
        words = self.words
        own = np.array(
            [
                decision.owns(role, first, past)
                for role, (first, past) in zip(words.roles, words.spans.tolist(), strict=True)
            ],
            dtype=bool,
        )
        ids = self.inputs["input_ids"]
        is_own = np.append(own, False)[words.of_tokens][: ids.size].reshape(ids.shape)
        return Passage({**self.inputs, "input_ids": np.where(is_own, mask, ids)}, words.only(~own))


def joined(words: Words, more: Words, n_between: int) -> Words:
    """Put words after others.

    Args:
        words: The first.
        more: Those that follow.
        n_between: Tokens between them, which are of no word.
    """
    between = np.full(n_between, -1, dtype=np.int64)
    moved = np.where(more.of_tokens < 0, -1, more.of_tokens + len(words))
    return Words(
        (*words.roles, *more.roles),
        np.concatenate([words.spans, more.spans]),
        np.concatenate([words.of_tokens, between, moved]),
        {**words.texts, **more.texts},
    )


def first_token(model: Model) -> int:
    """Return the token with which a decoder begins to write."""
    settings = model.generation_config
    start = settings.decoder_start_token_id
    return int(settings.bos_token_id if start is None else start)
