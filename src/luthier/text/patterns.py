"""From a pattern and words for labels to token ids: what a masked language model is to fill in.

    "{text} It was {mask}."          A text, and after it:  It was [MASK] .
    "{text}? {mask}, {text_pair}"    ? after the first text, [MASK] , before the second

A pattern is tokenized once and put into rows that are tokenized already: `models/prompts.py`. What
follows a text is tokenized as it goes on after a word, so that the ids are those of the filled-in
text; what stands before a text does not change how the text begins, which it would for tokenizers
that know words with and without a space before them (RoBERTa's).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from luthier.errors import ModelError, RecipeError, nearest

WORD = "a"  # a word that tokenizers know, to see what goes on after it
PATTERN = "method.options.pattern"
VERBALISER = "method.options.verbaliser"


@dataclass(frozen=True)
class Prompt:
    """A pattern and its words as ids.

    Args:
        pieces: Ids of the pattern, in its order, (pieces,).
        slots: Where each is put: 0 before the first text, 1 after it, 2 before the second text,
            3 after the last, (pieces,).
        types: The token type of each, (pieces,).
        hole: Which of the pieces is the mask.
        words: The id of each label's word, (labels,).
        frame: How many special tokens stand before, between and after texts, (3,).
        separator: The first token between two texts; None where there is one text.
    """

    pieces: tuple[int, ...]
    slots: tuple[int, ...]
    types: tuple[int, ...]
    hole: int
    words: tuple[int, ...]
    frame: tuple[int, int, int]
    separator: int | None


def default_pattern(roles: Sequence[str]) -> str:
    """Give a pattern for one text or two.

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
    tokenizer: Any,
) -> Prompt:
    """Turn a pattern and a verbaliser into ids.

    Args:
        pattern: A text with the roles and `mask` in braces; None: a usual one.
        verbaliser: Label to word; a label that is not named stands for itself.
        roles: The task's texts, one or two.
        labels: In index order.
        tokenizer: A tokenizer of Transformers.

    Raises:
        ModelError: The tokenizer has no mask.
        RecipeError: The pattern or a word cannot be used.
    """
    if tokenizer.mask_token is None:
        raise ModelError(
            "The tokenizer has no mask: this model was not trained to fill one.",
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
        ids = going_on(tokenizer, filled.rstrip()) if is_after else ids_of(tokenizer, filled)
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
    """Cut a pattern at its texts; between two texts, what touches the first stays with it.

    >>> parts_of("{text}? {mask}, {text_pair}", ["text", "text_pair"])
    ('', '?', ' {mask}, ', '')

    Raises:
        RecipeError: It does not name the mask and each text once, the texts in their order.
    """
    named = re.findall(r"\{(.*?)\}", pattern)
    if named.count("mask") != 1:
        raise _unusable(pattern, roles, "should have one {mask}, where the label's word would be")
    if [name for name in named if name != "mask"] != list(roles):
        wanted = " and ".join(f"{{{role}}}" for role in roles)
        raise _unusable(pattern, roles, f"should name {wanted} once, and nothing else but {{mask}}")
    before, _, rest = pattern.partition(f"{{{roles[0]}}}")
    if len(roles) == 1:
        return before, "", "", rest
    between, _, after = rest.partition(f"{{{roles[1]}}}")
    touching = "".join(takewhile(lambda mark: not mark.isspace(), between))
    return before, touching, between[len(touching) :], after


def before_mask(pattern: str) -> str:
    """Give what the label's word goes on from: a word, a word and a space, a mark, or nothing.

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
    tokenizer: Any, *, n_texts: int
) -> tuple[tuple[int, int, int], int | None, tuple[int, int]]:
    """See what a tokenizer puts around texts.

    Returns:
        How many tokens before, between and after them; the first one between; and the token types
        of the first text and the last.
    """
    said = tokenizer(*[WORD] * n_texts, return_special_tokens_mask=True, return_token_type_ids=True)
    added = said["special_tokens_mask"]
    n_start = len(list(takewhile(bool, added)))
    n_end = len(list(takewhile(bool, reversed(added))))
    inside = range(n_start, len(added) - n_end)
    between = [place for place in inside if added[place]]
    types = said["token_type_ids"]
    separator = said["input_ids"][between[0]] if between else None
    return (n_start, len(between), n_end), separator, (types[inside[0]], types[inside[-1]])


def ids_of(tokenizer: Any, text: str) -> list[int]:
    """Tokenize a text by itself."""
    return list(tokenizer(text.strip(), add_special_tokens=False)["input_ids"])


def going_on(tokenizer: Any, text: str, *, after: str = WORD) -> list[int]:
    """Tokenize a text as it goes on after a word, or after something else.

    What stands before may join the text, as a letter can: then a word stands for it. A mark does
    not, so a text after a mark that joins nevertheless is tokenized by itself.
    """
    for before in (after, WORD) if after.isalnum() else (after,):
        word = ids_of(tokenizer, before)
        both = list(tokenizer(before + text, add_special_tokens=False)["input_ids"])
        if both[: len(word)] == word:
            return both[len(word) :]
    return ids_of(tokenizer, text)


def words_of(
    labels: Sequence[str], verbaliser: Mapping[str, str], tokenizer: Any, *, before: str
) -> tuple[int, ...]:
    """Find the one piece that each label's word is.

    Args:
        labels: In index order.
        verbaliser: Label to word; a label that is not named stands for itself.
        tokenizer: Knows the pieces.
        before: What stands before the word, as `before_mask` gives it.

    Raises:
        RecipeError: A word is not one piece, or stands for two labels.
    """
    for name in verbaliser:
        if name not in labels:
            close = nearest(name, labels)
            raise RecipeError(
                f"The verbaliser has a word for '{name}', which is no label.",
                received=f"{VERBALISER}.{name}={verbaliser[name]}",
                hint=f"did you mean '{close}'?" if close else f"labels: {', '.join(labels[:10])}",
            )
    label_of: dict[int, str] = {}
    for label in labels:
        word = verbaliser.get(label, label)
        ids = going_on(tokenizer, word, after=before)
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise _no_word(label, word, ids, tokenizer, is_given=label in verbaliser)
        if ids[0] in label_of:
            raise RecipeError(
                f"The labels '{label_of[ids[0]]}' and '{label}' have the same word.",
                received=f"{word}, one piece of this tokenizer",
                hint=f"{VERBALISER}.{label}=another word",
            )
        label_of[ids[0]] = label
    return tuple(label_of)


def _no_word(
    label: str, word: str, ids: Sequence[int], tokenizer: Any, *, is_given: bool
) -> RecipeError:
    """Say that a label's word is not one piece."""
    pieces = " ".join(map(str, tokenizer.convert_ids_to_tokens(list(ids)))) or "nothing"
    problem = (
        f"The word '{word}' for the label '{label}' is not one piece of this tokenizer."
        if is_given
        else f"The label '{label}' has no word, and is not itself one piece of this tokenizer."
    )
    return RecipeError(
        problem,
        received=f"{word}: {pieces}",
        hint=f"{VERBALISER}.{label}=a common word, such as good, bad, yes or no",
    )
