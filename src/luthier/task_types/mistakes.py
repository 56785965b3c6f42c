"""Wrong answers, those first of which the model was most sure: one function for a kind of target.

What was wrong with an answer is said where the gold one beside it does not show it. Codecs call
these functions; `evaluation/analysis.py` and `explaining/` ask codecs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from luthier.metrics.softmax import softmax
from luthier.metrics.spans import Span, errors_of
from luthier.ragged import Array, Ragged
from luthier.records import Predictions, Rows
from luthier.results import Mistake

LONGEST = 60  # characters of an entity or of an answer that are quoted
Found = Sequence[Sequence[Span]]


def in_order(found: Iterable[Mistake]) -> list[Mistake]:
    """Put the largest mistakes first; of equal ones, that of the earlier row."""
    return sorted(found, key=lambda one: -one.size)


def mistaken_labels(gold: Array, predictions: Predictions) -> list[Mistake]:
    """Find wrong labels or choices, (rows,), by the probability of what was chosen instead."""
    sureness = _probabilities(predictions).max(axis=1)
    wrong = np.flatnonzero(predictions.answers != gold).tolist()
    return in_order(Mistake(row, float(sureness[row])) for row in wrong)


def mistaken_label_sets(
    gold: Array, predictions: Predictions, names: Sequence[str]
) -> list[Mistake]:
    """Find labels that are given wrongly, and those that are wanting, (rows, labels)."""
    given = predictions.answers.astype(bool)
    sureness = np.where(given, p := _probabilities(predictions), 1 - p)
    return in_order(
        Mistake(
            row,
            float(sureness[row, label]),
            "it is given, and should not be" if given[row, label] else "it is wanting",
            label=names[label],
        )
        for row, label in np.argwhere(given != gold.astype(bool)).tolist()
    )


def mistaken_numbers(gold: Array, predictions: Predictions) -> list[Mistake]:
    """List all numbers, (rows,), by how far off they are."""
    far = np.abs(predictions.answers - gold)
    return in_order(Mistake(row, float(one)) for row, one in enumerate(far))


def mistaken_entities(gold: Found, found: Found, sureness: Ragged, rows: Rows) -> list[Mistake]:
    """Find entities that are missed, that are none, or that have other borders or another type.

    Args:
        gold: True entities of each row.
        found: Predicted entities.
        sureness: Probability of the tag of each word, (words,) per row; its mean over the words of
            an entity is that of the mistake.
        rows: The rows.
    """
    mistakes = []
    for row, both in enumerate(zip(gold, found, strict=True)):
        for kind, true, other in errors_of(*both):
            first, past, _ = other or true or (0, 0, "")
            size = float(sureness[row][first:past].mean())
            said = f"{_what(kind, true, rows, row)}; {size:.1%} sure"
            mistakes.append(Mistake(row, size, said, words=range(first, past)))
    return in_order(mistakes)


def mistaken_tags(
    gold: Ragged, answers: Ragged, names: Sequence[str], sureness: Ragged
) -> list[Mistake]:
    """Find words with a wrong tag; each has a mistake of its own.

    Args:
        gold: True tags, (words,) per row.
        answers: Predicted tags.
        names: Names of the tags.
        sureness: Probability of the tag of each word, (words,) per row.
    """
    return in_order(
        Mistake(
            row,
            size := float(sureness[row][word]),
            f"it is {names[gold[row][word]]}; {size:.1%} sure",
            words=range(word, word + 1),
        )
        for row in range(len(gold))
        for word in np.flatnonzero(gold[row] != answers[row]).tolist()
    )


def mistaken_answers(sureness: Array, f1: Array) -> list[Mistake]:
    """Find wrong answers to questions, by their probability times what they lack of F1.

    Args:
        sureness: Probability of each answer among the best ones of its row, (rows,).
        f1: F1 of each with the closest true answer, (rows,).
    """
    return in_order(
        Mistake(
            row,
            float(sureness[row] * (1 - f1[row])),
            f"F1 {f1[row]:.2f}; {sureness[row]:.1%} sure, among the best answers",
        )
        for row in np.flatnonzero(f1 < 1).tolist()
    )


def mistaken_texts(alike: Array) -> list[Mistake]:
    """List written texts by how unlike their references they are.

    Args:
        alike: chrF of each text, 0 to 100, (rows,).
    """
    return in_order(
        Mistake(row, float(100 - one), f"chrF {one:.1f} with its reference")
        for row, one in enumerate(alike)
        if one < 100
    )


def sureness_of_tags(logits: Ragged, answers: Ragged) -> Ragged:
    """Return the probability of each word's tag, 0 where none was given, (words,) per row.

    Args:
        logits: Logits of every word, (words, labels) per row.
        answers: The tags, -1 for none.
    """
    p = softmax(logits.values.astype(np.float64))
    tags = answers.values
    chosen = np.take_along_axis(p, np.maximum(tags, 0)[:, None], axis=-1)[:, 0]
    return Ragged(np.where(tags < 0, 0.0, chosen), answers.offsets)


def quoted(text: str) -> str:
    """Shorten a text that is quoted.

    >>> quoted("a" * 80)[-3:]
    'aa…'
    """
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _what(kind: str, true: Span | None, rows: Rows, row: int) -> str:
    """Say what is wrong with an entity."""
    if true is None:
        return "no entity is here"
    words = rows["words"][row]
    text = quoted(str(rows["text"][row])[words[true[0]][0] : words[true[1] - 1][1]])
    said = {
        "missed": f"missed: {true[2]}",
        "type": f"its type is {true[2]}",
        "boundary": f"the entity is “{text}”",
    }
    return said.get(kind, f"the entity is {true[2]}: “{text}”")


def _probabilities(predictions: Predictions) -> Array:
    if predictions.probabilities is None:
        raise ValueError("Predictions of labels need probabilities.")
    return np.asarray(predictions.probabilities, dtype=float)
