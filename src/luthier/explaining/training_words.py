"""Which words stand in the training rows of which label: what a model could have learned from them.

Beside what the model makes of a word, this shows artefacts: a word that stands with one label alone
is a shortcut that the rows offered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.codec import Codec
from luthier.ragged import Array
from luthier.records import Rows
from luthier.task_types.explained_texts import texts_at
from luthier.text.tags import OUTSIDE, split_tag
from luthier.text.words import split_words

SMOOTHING = 0.5  # added to every count


def form_of(word: str) -> str:
    """Return the form under which a word is counted.

    >>> form_of("Straße") == form_of("STRASSE")
    True
    """
    return word.casefold()


def forms_in(text: str) -> list[str]:
    """List the forms of a text's words, each once, in the order of the text."""
    return list(dict.fromkeys(form_of(text[first:past]) for first, past in split_words(text)))


def types_of(names: Sequence[str]) -> tuple[str, ...]:
    """List the types of entities that tags name, or the tags themselves if they name no spans.

    >>> types_of(["B-PER", "I-PER", "O"]), types_of(["NOUN", "VERB"])
    (('PER',), ('NOUN', 'VERB'))
    """
    parts = [split_tag(name) for name in names if name != OUTSIDE]
    return tuple(dict.fromkeys(kind or prefix for prefix, kind in parts))


def labels_of(codec: Codec) -> tuple[str, ...]:
    """List what words can speak for: labels, types of entities, or the number; () if nothing."""
    if codec.target.kind in ("single-label", "multi-label", "number"):
        return codec.target.names
    return types_of(codec.target.names) if codec.target.kind == "tags" else ()


def carried(codec: Codec, rows: Rows) -> Array:
    """Say which rows carry which label, (rows, labels); a number is itself."""
    gold = codec.gold(rows)
    kind, names = codec.target.kind, codec.target.names
    if kind == "single-label":
        return np.asarray(gold[:, None] == np.arange(len(names)), dtype=np.float64)
    if kind != "tags":
        return np.asarray(gold, dtype=np.float64).reshape(len(rows), -1)
    types = types_of(names)
    found = np.zeros((len(rows), len(types)))
    of_tag = {
        number: types.index(split_tag(name)[1] or split_tag(name)[0])
        for number, name in enumerate(names)
        if name != OUTSIDE
    }
    for row in range(len(rows)):
        for tag in {*gold[row].tolist()} & {*of_tag}:
            found[row, of_tag[tag]] = 1.0
    return found


@dataclass(frozen=True)
class TrainingWords:
    """How often words stand in the training rows of each label.

    Args:
        labels: The labels.
        n_rows: Number of rows of each label, (labels,); of a number, all.
        n_all: Number of all rows.
        counts: Form to its number of rows.
        sums: Form to its number of rows of each label, (labels,); of a number, to the sum of how
            far those of its rows are from the mean.
        is_number: Whether rows have a number instead of labels.
    """

    labels: tuple[str, ...]
    n_rows: Array
    n_all: int
    counts: Counter[str]
    sums: dict[str, Array]
    is_number: bool

    @staticmethod
    def of(codec: Codec, rows: Rows) -> TrainingWords:
        """Count the words of rows with answers."""
        is_number = codec.target.kind == "number"
        has = carried(codec, rows)
        totals = has.sum(axis=0)
        if is_number:
            has = has - has.mean(axis=0)
        counts: Counter[str] = Counter()
        sums: dict[str, Array] = {}
        for row in range(len(rows)):
            texts = texts_at(rows, codec.task.input_roles, row)
            for form in {form for text in texts for form in forms_in(text)}:
                counts[form] += 1
                sums[form] = sums[form] + has[row] if form in sums else has[row]
        totals = np.array([len(rows)]) if is_number else totals
        return TrainingWords(labels_of(codec), totals, len(rows), counts, sums, is_number)

    def evidence(self, form: str, label: str) -> float:
        """Say how much a word in the training rows speaks for a label.

        That is the log-odds of the word in rows of the label against those in all other rows, with
        a half added to every count; of a number, how far above the mean rows with the word are,
        with two rows at the mean added.

        Returns:
            0 for a word that speaks for nothing.
        """
        place = self.labels.index(label)
        count, found = (
            self.counts[form],
            float(self.sums[form][place]) if form in self.sums else 0.0,
        )
        if self.is_number:
            return found / (count + 2)
        inside = float(self.n_rows[place])
        outside, elsewhere = self.n_all - inside, count - found
        return _log_odds(found, inside) - _log_odds(elsewhere, outside)

    def share(self, form: str, label: str) -> float | None:
        """Return the share of a word's training rows that carry a label; None without rows."""
        if self.is_number or not self.counts[form]:
            return None
        return float(self.sums[form][self.labels.index(label)]) / self.counts[form]


def _log_odds(count: float, total: float) -> float:
    return float(np.log((count + SMOOTHING) / (total - count + SMOOTHING)))
