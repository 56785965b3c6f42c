"""Rules on the next token, in NumPy: settings of `generate` that forbid or force tokens.

Each is what the logits processor of the same setting computes in Transformers, and they
are applied in its order. Settings that have no rule here are refused when a model is exported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from luthier.ragged import Array

# (scores (n, vocabulary), ids so far (n, tokens), padding before them (n,)) -> scores
Rule = Callable[[Array, Array, Array], Array]


def rules_of(settings: Mapping[str, Any], n_given: int, most: int) -> list[Rule]:
    """List the rules that the settings of `generate` ask for.

    Args:
        settings: What `describe_generation` wrote.
        n_given: Tokens of the prompt.
        most: The most tokens, prompt included.
    """
    ends = ids_in(settings.get("eos_token_id"))

    def asked(name: str) -> Any:
        return settings.get(name)

    found: list[Rule] = []
    if (penalty := asked("repetition_penalty")) not in (None, 1.0):
        found.append(_repetition(float(penalty)))
    if size := asked("no_repeat_ngram_size"):
        found.append(_no_repeat(int(size)))
    if sequences := asked("bad_words_ids"):
        banned = [list(one) for one in sequences]
        found += [_never_after(one) for one in banned if one not in [[end] for end in ends]]
    least = max(asked("min_length") or 0, n_given + (asked("min_new_tokens") or 0))
    if least > n_given:
        found.append(_while(lambda length: length < least, _without(ends)))
    if (first := asked("forced_bos_token_id")) is not None:
        found.append(_while(lambda length: length == 1, _only(ids_in(first))))
    if (last := asked("forced_eos_token_id")) is not None:
        found.append(_while(lambda length: length == most - 1, _only(ids_in(last))))
    if asked("remove_invalid_values"):
        found.append(lambda scores, ids, padding: np.nan_to_num(scores))
    if (banned := asked("suppress_tokens")) is not None:
        found.append(_without(ids_in(banned)))
    if (banned := asked("begin_suppress_tokens")) is not None:
        is_forced = n_given == 1 and first is not None
        begin = n_given + 1 if is_forced else n_given
        found.append(_while(lambda length: length == begin, _without(ids_in(banned))))
    if asked("renormalize_logits"):
        found.append(lambda scores, ids, padding: log_softmax(scores))
    return found


def ids_in(setting: Any) -> list[int]:
    """Return the token ids of a setting: a number, several, or None."""
    if setting is None:
        return []
    return [int(one) for one in (setting if isinstance(setting, Sequence) else [setting])]


def log_softmax(scores: Array) -> Array:
    """Normalise scores over the vocabulary, float32."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    normal: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


def _while(holds: Callable[[int], bool], rule: Rule) -> Rule:
    """Apply a rule at some lengths alone."""

    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        return rule(scores, ids, padding) if holds(ids.shape[1]) else scores

    return apply


def _without(tokens: Sequence[int]) -> Rule:
    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        scores[:, [token for token in tokens if token < scores.shape[1]]] = -np.inf
        return scores

    return apply


def _only(tokens: Sequence[int]) -> Rule:
    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        scores[:] = -np.inf
        scores[:, tokens] = 0
        return scores

    return apply


def _repetition(penalty: float) -> Rule:
    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        for row, (known, before) in enumerate(zip(ids, padding, strict=True)):
            seen = np.unique(known[before:])
            seen = seen[seen < scores.shape[1]]
            old = scores[row, seen]
            scores[row, seen] = np.where(old < 0, old * penalty, old / penalty)
        return scores

    return apply


def _no_repeat(size: int) -> Rule:
    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        if ids.shape[1] < size:
            return scores
        windows = np.lib.stride_tricks.sliding_window_view(ids, size, axis=1)
        begun = ids[:, None, ids.shape[1] + 1 - size :]
        rows, places = np.nonzero((windows[..., :-1] == begun).all(axis=-1))
        scores[rows, windows[rows, places, -1]] = -np.inf
        return scores

    return apply


def _never_after(sequence: Sequence[int]) -> Rule:
    *before, last = sequence

    def apply(scores: Array, ids: Array, padding: Array) -> Array:
        if len(before) <= ids.shape[1]:
            is_begun = (ids[:, ids.shape[1] - len(before) :] == before).all(axis=1)
            scores[is_begun, last] = -np.inf
        return scores

    return apply
