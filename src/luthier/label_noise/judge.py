"""What out-of-fold outputs say of given labels, for each kind of target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.metrics.label_noise import label_noise
from luthier.metrics.softmax import softmax
from luthier.ragged import Array, Ragged
from luthier.records import Outputs, Rows


@dataclass(frozen=True)
class Judged:
    """The labels of all rows, judged.

    Args:
        quality: From 0, probably wrong, to 1, (rows,).
        is_suspect: Whether a label of the row is probably wrong, (rows,).
        given: The label of each row, as a person reads it.
        suggested: What it probably should be.
        answers: What it probably should be, as a file of corrections has it.
        share: Estimated share of wrong labels.
        n_labels: Number of labels that were judged: rows, rows × labels, or words.
        unit: What these are.
    """

    quality: Array
    is_suspect: Array
    given: Sequence[str]
    suggested: Sequence[str]
    answers: Sequence[Any]
    share: float
    n_labels: int
    unit: str


def one_label(codec: Codec, rows: Rows, found: Sequence[tuple[Array, Outputs]]) -> Judged:
    """Judge rows with one label."""
    names, gold = codec.target.names, codec.gold(rows)
    probabilities = np.zeros((len(rows), len(names)))
    for judged, outputs in found:
        probabilities[judged] = softmax(outputs)
    noise = label_noise(gold, probabilities)
    suggested = [names[one] for one in noise.suggested]
    given = [names[one] for one in gold]
    n_rows = len(rows)
    return Judged(
        noise.quality, noise.is_suspect, given, suggested, suggested, noise.share, n_rows, "rows"
    )


def several_labels(codec: Codec, rows: Rows, found: Sequence[tuple[Array, Outputs]]) -> Judged:
    """Judge rows with several labels: each label of each row by itself, then the worst of them."""
    from scipy.special import expit  # slow to import

    names, gold = codec.target.names, codec.gold(rows).astype(np.int64)
    given_p = np.zeros(gold.shape)
    for judged, outputs in found:
        given_p[judged] = expit(outputs)
    each = [
        label_noise(gold[:, at], np.stack([1 - given_p[:, at], given_p[:, at]], axis=1))
        for at in range(len(names))
    ]
    suspects = np.stack([one.is_suspect for one in each], axis=1)
    corrected = np.where(suspects, 1 - gold, gold)
    answers = [[names[at] for at in np.flatnonzero(row)] for row in corrected]
    given = [[names[at] for at in np.flatnonzero(row)] for row in gold]
    return Judged(
        np.stack([one.quality for one in each], axis=1).min(axis=1),
        np.asarray(suspects.any(axis=1)),
        ["|".join(one) for one in given],
        ["|".join(one) for one in answers],
        answers,
        float(np.mean([one.share for one in each])),
        gold.size,
        "labels of rows",
    )


def tags(codec: Codec, rows: Rows, found: Sequence[tuple[Array, Outputs]]) -> Judged:
    """Judge the words of rows, each by its tag; a row is as good as its worst word."""
    names, gold = codec.target.names, codec.gold(rows)
    offsets = gold.offsets
    probabilities = np.full((int(offsets[-1]), len(names)), 1 / len(names))
    for judged, outputs in found:
        logits: Ragged = outputs.of_words()[0]
        for at, row in enumerate(judged.tolist()):
            probabilities[offsets[row] : offsets[row + 1]] = softmax(logits[at])
    noise = label_noise(gold.values, probabilities)
    quality = np.ones(len(rows))
    is_suspect = np.zeros(len(rows), dtype=bool)
    given, suggested, answers = [], [], []
    for row in range(len(rows)):
        here = slice(int(offsets[row]), int(offsets[row + 1]))
        if offsets[row] < offsets[row + 1]:
            quality[row] = noise.quality[here].min()
            is_suspect[row] = noise.is_suspect[here].any()
        own, better = gold[row], np.where(noise.is_suspect[here], noise.suggested[here], gold[row])
        odd = np.flatnonzero(noise.is_suspect[here] & (own != better))
        text, words = rows["text"][row], rows["words"][row]
        shown = [text[words[at][0] : words[at][1]] for at in odd]
        given.append("; ".join(f"{w}: {names[own[at]]}" for w, at in zip(shown, odd, strict=True)))
        suggested.append(
            "; ".join(f"{w}: {names[better[at]]}" for w, at in zip(shown, odd, strict=True))
        )
        answers.append([names[one] for one in better])
    return Judged(
        quality, is_suspect, given, suggested, answers, noise.share, len(gold.values), "words"
    )


JUDGES: Mapping[str, Any] = {  # by kind of target
    "single-label": one_label,
    "multi-label": several_labels,
    "tags": tags,
}
