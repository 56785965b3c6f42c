"""Written tokens as decisions: each follows from what was read and what was written before.

Used by the codecs of tasks that write; `explaining/` puts what was written before into the item.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from luthier.explanation import Choice, Decision, Words
from luthier.hf_types import Tokenizer
from luthier.ragged import Array
from luthier.text.places import Places, places_of, without_blanks, words_of
from luthier.text.spelled import spell_tokens
from luthier.text.tokenize import ENDLESS

WRITTEN, PROMPT = "written", "prompt"  # the roles of what was written, and of what it answers


def written_decisions(ids: Array, tokenizer: Tokenizer, item: int) -> list[Decision]:
    """List the tokens that a model wrote for an item, as decisions.

    Args:
        ids: What `generate` returned, (tokens,).
        tokenizer: The tokenizer.
        item: The item.
    """
    text, spans = spell_tokens(tokenizer, ids)
    special = set(tokenizer.all_special_ids)
    found = []
    for step, (token, (first, past)) in enumerate(zip(ids.tolist(), spans.tolist(), strict=True)):
        if token in special:
            continue
        name = text[first:past].strip() or str(tokenizer.convert_ids_to_tokens(token))
        choice = Choice((-1, slice(None)), token)
        made = Decision(name, item, "generate", (choice,), step=step)
        found.append(replace(made, role=WRITTEN, span=(first, past)))
    return found


def words_before(ids: Array, tokenizer: Tokenizer, step: int) -> Words:
    """Find the tokens that were written before another, each as a word of its own.

    Args:
        ids: What `generate` returned, (tokens,).
        tokenizer: The tokenizer.
        step: How many tokens were written before.
    """
    text, spelled = _spelled(ids, tokenizer)
    text_of, spans = spelled.text_of, spelled.spans
    each = sorted({(first, past) for first, past in spans.tolist() if past > first})
    before = Places(ids[:step], text_of[:step], spans[:step])
    return words_of([text], [WRITTEN], before, given=[each])


def words_spelled(ids: Array, tokenizer: Tokenizer) -> Words:
    """Find the words of a prompt that is only known by its tokens, (tokens,)."""
    text, places = _spelled(ids, tokenizer)
    return words_of([text], [PROMPT], places)


def words_at_end(ids: Array, tokenizer: Tokenizer, text: str) -> Words:
    """Find the words of a text that is continued, of which perhaps only the end was read.

    Args:
        ids: The tokens that were read, (tokens,).
        tokenizer: The tokenizer.
        text: The text.
    """
    (whole,) = places_of(tokenizer, [text], max_tokens=ENDLESS, stride=None, windowed=False)
    n_after = 0 if np.array_equal(whole.ids[-len(ids) :], ids) else 1  # the end of the text
    past = len(whole.ids) - n_after
    read = slice(max(past - len(ids), 0), past)
    if not np.array_equal(whole.ids[read], ids):
        raise ValueError("the places found are those of other tokens")
    part = Places(ids, whole.text_of[read], whole.spans[read], whole.texts)
    return words_of([text], ["text"], part)


def without_prefix(words: Words, n_characters: int) -> Words:
    """Leave out what was put before a text, and count characters in the text itself."""
    kept = words.only(words.spans[:, 0] >= n_characters)
    texts = {role: text[n_characters:] for role, text in words.texts.items()}
    return Words(kept.roles, kept.spans - n_characters, kept.of_tokens, texts)


def _spelled(ids: Array, tokenizer: Tokenizer) -> tuple[str, Places]:
    """Spell tokens, and find their places in the text."""
    text, spans = spell_tokens(tokenizer, ids)
    text_of = np.where(np.isin(ids, list(tokenizer.all_special_ids)), -1, 0)
    return text, Places(ids, text_of, without_blanks([text], text_of, spans))
