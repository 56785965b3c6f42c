"""The words of a text and of its choices, all of which an item holds.

The text is read once with every choice, so a word of the text has tokens in each of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.explanation import Words
from luthier.ragged import Array


def choice_role(number: int) -> str:
    """Name the text of a choice, by its number from 0."""
    return f"choice {number + 1}"


def together(each: Sequence[Words], *, n_choices: int, side: str) -> Words:
    """Put the words of a row's choices together.

    Args:
        each: The words of every choice with the text.
        n_choices: Choices of an item; those that the row lacks have no words.
        side: The side on which shorter ones are filled, `left` or `right`.
    """
    width = max(len(one.of_tokens) for one in each)
    of_tokens: Array = np.full((n_choices, width), -1, dtype=np.int64)
    number: dict[tuple[str, int, int], int] = {}
    for choice, one in enumerate(each):
        keys = zip(one.roles, one.spans.tolist(), strict=True)
        places = [number.setdefault((role, *span), len(number)) for role, span in keys]
        n_tokens = len(one.of_tokens)
        here = slice(width - n_tokens, width) if side == "left" else slice(0, n_tokens)
        of_tokens[choice, here] = np.array([*places, -1])[one.of_tokens]
    return Words(
        tuple(role for role, _, _ in number),
        np.array([span for _, *span in number], dtype=np.int64).reshape(-1, 2),
        of_tokens.reshape(-1),
        {role: text for one in each for role, text in one.texts.items()},
    )
