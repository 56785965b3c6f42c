"""Turns a pattern and a word for each label into token ids for a masked language model.

    "{text} It was {mask}."          A text, and after it:  It was [MASK] .
    "{text}? {mask}, {text_pair}"    ? after the first text, [MASK] , before the second

A pattern is tokenized once and inserted into rows that are already tokenized (`models/prompts.py`).
The part after a text is tokenized as the continuation of a word, so the ids are those of the
filled-in text. The part before a text does not change how the text itself is tokenized, although it
would with tokenizers that distinguish words with and without a preceding space (RoBERTa's).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from luthier.errors import ModelError, RecipeError, nearest
from luthier.hf_types import Tokenizer

WORD = "a"  # a word in every vocabulary, to tokenize what follows a word
PATTERN = "method.options.pattern"
VERBALISER = "method.options.verbaliser"


@dataclass(frozen=True)
class Prompt:
    """A pattern and the words of its labels as token ids.

    Args:
        pieces: Token ids of the pattern, in order, (pieces,).
        slots: The position of each piece, (pieces,): 0 before the first text, 1 after it, 2 before
            the second text, 3 after the last text.
        types: The token type of each piece, (pieces,).
        hole: Index of the piece that is the mask token.
        words: The token id of each label's word, (labels,).
        frame: Number of special tokens before, between and after texts, (3,).
        separator: Id of the first token between two texts; None if there is one text.
    """

    pieces: tuple[int, ...]
    slots: tuple[int, ...]
    types: tuple[int, ...]
    hole: int
    words: tuple[int, ...]
    frame: tuple[int, int, int]
    separator: int | None


def default_pattern(roles: Sequence[str]) -> str:
    """Return the default pattern for one text or two.

    >>> default_pattern(["text"])
    '{text} It was {mask}.'
    """
    first = f"{{{roles[0]}}}"
    return f"{first} It was {{mask}}." if len(roles) == 1 else f"{first}? {{mask}}, {{{roles[1]}}}"


def read_prompt(
    pattern: str | None,
    verbaliser: Mapping[str, str],
    *,
    roles: Sequence[str],
    labels: Sequence[str],
    tokenizer: Tokenizer,
) -> Prompt:
    """Turn a pattern and a verbaliser into ids.

    Args:
        pattern: A text with the roles and `mask` in braces; None takes the default pattern.
        verbaliser: Maps labels to words; a label that is missing is its own word.
        roles: The roles of the task's texts, one or two.
        labels: The label names, in index order.
        tokenizer: The tokenizer of the model.

    Raises:
        ModelError: The tokenizer has no mask token.
        RecipeError: The pattern or a word cannot be used.
    """
    if tokenizer.mask_token is None:
        raise ModelError(
            "The tokenizer has no mask token: this model was not trained to fill in masks.",
            received=type(tokenizer).__name__,
            hint="a BERT, RoBERTa, DeBERTa, ModernBERT or ELECTRA-like model, or method=full",
        )
    pattern = default_pattern(roles) if pattern is None else pattern
    frame, separator, types = frame_of(tokenizer, n_texts=len(roles))
    pieces: list[int] = []
    slots: list[int] = []
    for slot, part in enumerate(parts_of(pattern, roles)):
        filled = part.replace("{mask}", tokenizer.mask_token)
        is_after = slot in (1, 3)
        ids = (
            continuation_ids(tokenizer, filled.rstrip()) if is_after else ids_of(tokenizer, filled)
        )
        pieces += ids
        slots += [slot] * len(ids)
    return Prompt(
        pieces=tuple(pieces),
        slots=tuple(slots),
        types=tuple(types[slot // 2] for slot in slots),
        hole=pieces.index(tokenizer.mask_token_id),
        words=words_of(labels, verbaliser, tokenizer, before=before_mask(pattern)),
        frame=frame,
        separator=separator,
    )


def parts_of(pattern: str, roles: Sequence[str]) -> tuple[str, str, str, str]:
    """Split a pattern at its texts; punctuation that touches the first text stays with it.

    >>> parts_of("{text}? {mask}, {text_pair}", ["text", "text_pair"])
    ('', '?', ' {mask}, ', '')

    Raises:
        RecipeError: It does not name the mask and each text exactly once, the texts in order.
    """
    named = re.findall(r"\{(.*?)\}", pattern)
    if named.count("mask") != 1:
        raise _unusable(
            pattern, roles, "must have exactly one {mask}, in place of the label's word"
        )
    if [name for name in named if name != "mask"] != list(roles):
        wanted = " and ".join(f"{{{role}}}" for role in roles)
        raise _unusable(pattern, roles, f"must name {wanted} once, and nothing else but {{mask}}")
    before, _, rest = pattern.partition(f"{{{roles[0]}}}")
    if len(roles) == 1:
        return before, "", "", rest
    between, _, after = rest.partition(f"{{{roles[1]}}}")
    touching = "".join(takewhile(lambda mark: not mark.isspace(), between))
    return before, touching, between[len(touching) :], after


def before_mask(pattern: str) -> str:
    """Return what precedes the label's word: a word, a word and a space, a mark, or nothing.

    >>> before_mask("{text} It was {mask}."), before_mask("({mask}) {text}")
    ('a ', '(')
    """
    before = pattern[: pattern.index("{mask}")].lstrip()
    if before[-1:].isspace():
        return WORD + " "
    return WORD if re.search(r"\{\w+\}$", before) else before[-1:]  # a text ends in a word


def _unusable(pattern: str, roles: Sequence[str], why: str) -> RecipeError:
    return RecipeError(
        f"The pattern {why}.",
        received=f"{PATTERN}={pattern}",
        hint=f'{PATTERN}="{default_pattern(roles)}"',
    )


def frame_of(
    tokenizer: Tokenizer, *, n_texts: int
) -> tuple[tuple[int, int, int], int | None, tuple[int, int]]:
    """Find the special tokens that a tokenizer adds around texts.

    Returns:
        The number of special tokens before, between and after texts; the first one between them;
        and the token types of the first and the last text.
    """
    encoded = tokenizer(
        *[WORD] * n_texts, return_special_tokens_mask=True, return_token_type_ids=True
    )
    added = encoded["special_tokens_mask"]
    n_start = len(list(takewhile(bool, added)))
    n_end = len(list(takewhile(bool, reversed(added))))
    inside = range(n_start, len(added) - n_end)
    between = [place for place in inside if added[place]]
    types = encoded["token_type_ids"]
    separator = encoded["input_ids"][between[0]] if between else None
    return (n_start, len(between), n_end), separator, (types[inside[0]], types[inside[-1]])


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Tokenize a text by itself."""
    return list(tokenizer(text.strip(), add_special_tokens=False)["input_ids"])


def continuation_ids(tokenizer: Tokenizer, text: str, *, after: str = WORD) -> list[int]:
    """Tokenize a text as the continuation of a word, or of something else.

    If the tokenizer merges the text with a letter or digit before it, a word takes its place. A
    text that is merged with a mark before it is tokenized on its own.
    """
    for before in (after, WORD) if after.isalnum() else (after,):
        word = ids_of(tokenizer, before)
        both = list(tokenizer(before + text, add_special_tokens=False)["input_ids"])
        if both[: len(word)] == word:
            return both[len(word) :]
    return ids_of(tokenizer, text)


def words_of(
    labels: Sequence[str], verbaliser: Mapping[str, str], tokenizer: Tokenizer, *, before: str
) -> tuple[int, ...]:
    """Return the token id of each label's word.

    Args:
        labels: The label names, in index order.
        verbaliser: Maps labels to words; a label that is missing is its own word.
        tokenizer: The tokenizer of the model.
        before: What precedes the word, as returned by `before_mask`.

    Raises:
        RecipeError: A word is not a single token, or is used for two labels.
    """
    for name in verbaliser:
        if name not in labels:
            close = nearest(name, labels)
            raise RecipeError(
                f"The verbaliser has a word for '{name}', which is not a label.",
                received=f"{VERBALISER}.{name}={verbaliser[name]}",
                hint=f"did you mean '{close}'?" if close else f"labels: {', '.join(labels[:10])}",
            )
    label_of: dict[int, str] = {}
    for label in labels:
        word = verbaliser.get(label, label)
        ids = continuation_ids(tokenizer, word, after=before)
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise _no_word(label, word, ids, tokenizer, is_given=label in verbaliser)
        if ids[0] in label_of:
            raise RecipeError(
                f"The labels '{label_of[ids[0]]}' and '{label}' have the same word.",
                received=f"{word}, one token of this tokenizer",
                hint=f"{VERBALISER}.{label}=another word",
            )
        label_of[ids[0]] = label
    return tuple(label_of)


def _no_word(
    label: str, word: str, ids: Sequence[int], tokenizer: Tokenizer, *, is_given: bool
) -> RecipeError:
    """Describe a label's word that is not a single token."""
    pieces = " ".join(map(str, tokenizer.convert_ids_to_tokens(list(ids)))) or "nothing"
    problem = (
        f"The word '{word}' for the label '{label}' is not a single token of this tokenizer."
        if is_given
        else f"The label '{label}' has no word, and is not itself a single token of this tokenizer."
    )
    return RecipeError(
        problem,
        received=f"{word}: {pieces}",
        hint=f"{VERBALISER}.{label}=a common word, such as good, bad, yes or no",
    )
