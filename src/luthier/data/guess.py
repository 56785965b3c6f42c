"""Guesses the task from a file's columns, for `luthier init`.

Names weigh more than values. Of values, long varied strings are texts, few distinct values are
labels, many distinct numbers are numbers, and cells with few distinct parts are sets of labels.
Each choice comes with a reason in words, so that the user can check it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.columns import Column
from luthier.data.labels import SEPARATORS, as_number, is_missing, label_name, split_labels
from luthier.errors import DataError
from luthier.records import Rows

SAMPLE = 3000  # rows looked at
MOST_LABELS = 1000  # distinct values that a label column may have
TEXT = Column(
    "text",
    "text",
    (
        *("text", "review", "sentence", "tweet", "content", "comment", "message", "body"),
        *("utterance", "question", "query", "document", "description", "review_text"),
    ),
)
LABEL = Column(
    "label",
    "label",
    (
        *("label", "sentiment", "category", "class", "intent", "topic", "target", "stars"),
        *("polarity", "tag", "type", "rating", "y"),
    ),
)
LABELS = Column(
    "labels", "labels", ("labels", "tags", "topics", "emotions", "categories", "genres", "intents")
)
NUMBER = Column("label", "number", ("score", "rating", "value", "similarity", "price", "target"))
PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2")),
    *(("text_a", "text_b"), ("text", "text_pair"), ("query", "passage"), ("question", "answer")),
    *(("claim", "evidence"), ("text1", "text2"), ("sentence_a", "sentence_b")),
)
TELLING = (  # tasks, and columns that only they have: the usual names of each role
    (
        "token-classification",
        {"tokens": ("tokens", "words"), "tags": ("tags", "ner_tags", "pos_tags", "labels")},
    ),
    ("token-classification", {"text": ("text",), "spans": ("spans", "entities")}),
    (
        "question-answering",
        {
            "question": ("question",),
            "context": ("context", "passage", "paragraph"),
            "answers": ("answers", "answer", "answer_text"),
        },
    ),
    (
        "multiple-choice",
        {
            "text": ("context", "sent1", "article", "startphrase", "text", "question"),
            "choices": ("choices", "options", "endings"),
            "label": ("label", "answer", "gold"),
        },
    ),
    ("causal-lm", {"messages": ("messages",)}),
    ("causal-lm", {"conversations": ("conversations",)}),
    ("causal-lm", {"instruction": ("instruction",)}),
    ("translation", {"translation": ("translation",)}),
    ("translation", {"text": ("source", "src"), "target": ("target", "tgt", "translation")}),
    (
        "summarization",
        {
            "text": ("document", "article", "dialogue", "text", "body"),
            "target": ("summary", "highlights", "abstract", "tldr"),
        },
    ),
)
WHY = {
    "token-classification": "words with tags, or marked spans",
    "question-answering": "questions about texts that contain the answers",
    "multiple-choice": "several choices, one of which is right",
    "causal-lm": "conversations or instructions to answer",
    "translation": "texts in two languages",
    "summarization": "texts with summaries",
}
LANGUAGE = re.compile(r"[a-z]{2}([-_][a-zA-Z]{2,4})?")
ASIDE = re.compile(r"title|headline|subject|author|user|name|url|link|summary|id$|^id|date|time")


@dataclass(frozen=True)
class Profile:
    """Statistics of a column's values.

    Args:
        name: The name of the column.
        n: Number of values looked at that are not missing.
        n_distinct: Number of distinct values.
        words: Mean number of words of a value.
        numeric: Share of values that are numbers.
        whole: True if all numbers are integers.
        several: Share of cells with several labels.
        n_parts: Number of distinct labels, if cells are read as several labels.
        listed: True if some values are lists.
    """

    name: str
    n: int
    n_distinct: int
    words: float
    numeric: float
    whole: bool
    several: float
    n_parts: int
    listed: bool

    def fit(self, kind: str) -> float:
        """Rate how well the values fit a kind of column, from 0 (not at all) to 1."""
        return {"text": self._text, "label": self._label, "labels": self._labels}.get(
            kind, self._number
        )()

    def _text(self) -> float:
        if self.listed or self.numeric > 0.5 or self.words < 1.5:
            return 0.0
        return min(1.0, self.words / 10) * min(1.0, 0.2 + self.n_distinct / max(1, self.n))

    def _label(self) -> float:
        most = min(MOST_LABELS, max(2, self.n // 2))
        if self.listed or not 2 <= self.n_distinct <= most or self.words > 6:
            return 0.0
        if self.numeric > 0.95 and (not self.whole or self.n_distinct > 20):
            return 0.0
        return 1.0 - 0.5 * self.n_distinct / most

    def _labels(self) -> float:
        if self.listed:
            return 1.0
        if self.several < 0.1 or self.numeric > 0.5 or self.n_parts > max(3, self.n // 3):
            return 0.0
        return 0.9 if self.n_parts < self.n_distinct or self.n_distinct <= 4 else 0.0

    def _number(self) -> float:
        if self.listed or self.numeric < 0.95 or self.n_distinct < 3:
            return 0.0
        if self.whole and self.n_distinct == self.n:
            return 0.0  # row numbers
        return 1.0 if not self.whole else min(1.0, self.n_distinct / 20)


def profile(rows: Rows, column: str) -> Profile:
    """Compute statistics of evenly spaced rows of a column: files are often sorted by label."""
    at = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int))
    values = [value for value in (rows[column][index] for index in at) if not is_missing(value)]
    listed = any(isinstance(value, (list, tuple, set, np.ndarray)) for value in values)
    written = [value if isinstance(value, str) else label_name(value) for value in values]
    numbers = [number for number in map(as_number, values) if number is not None]
    numbers = [number for number in numbers if np.isfinite(number)]
    cells = [split_labels(value) for value in values]
    parts = Counter(part for cell in cells for part in cell)
    n_short = sum(len(part.split()) * count for part, count in parts.items())
    short_parts = n_short <= 3 * max(1, sum(parts.values()))
    n_several = sum(len(cell) > 1 for cell in cells) if short_parts else 0
    is_comma = not any(mark in text for text in written for mark in SEPARATORS[:2])
    if is_comma and not listed and any(re.search(r",\s*\S+(\s+\S+){3}", text) for text in written):
        n_several = 0  # commas belong to sentences
    return Profile(
        column,
        len(values),
        len(set(written)),
        sum(len(text.split()) for text in written) / max(1, len(written)),
        len(numbers) / max(1, len(values)),
        all(number == int(number) for number in numbers),
        n_several / max(1, len(values)),
        len(parts),
        listed,
    )


def _name_fit(name: str, guesses: Sequence[str]) -> float:
    """Rate how well a column's name fits, from 0 to 1; the first guess fits best."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
    if plain in guesses:
        return 1.0 - 0.02 * guesses.index(plain)
    words = set(plain.split("_"))
    return 0.4 if words & set(guesses) else 0.0


def _best(profiles: Sequence[Profile], wanted: Column, taken: Sequence[str]) -> Profile | None:
    scored = [
        (2 * _name_fit(each.name, wanted.guesses) + each.fit(wanted.kind), each)
        for each in profiles
        if each.name not in taken and each.fit(wanted.kind) > 0
    ]
    best = max(scored, key=lambda pair: pair[0], default=None)
    return best[1] if best else None


def guess_columns(rows: Rows, candidate_columns: Sequence[Column]) -> dict[str, str]:
    """Guess the column of each role of a task; a role without a fitting column is omitted.

    >>> rows = Rows.of({"review": ["It was good."] * 3 + ["It was bad."], "stars": list("5551")})
    >>> guess_columns(rows, [TEXT, LABEL])
    {'text': 'review', 'label': 'stars'}
    """
    profiles = [profile(rows, column) for column in rows.columns]
    guessed: dict[str, str] = {}
    for wanted in candidate_columns:
        best = _best(profiles, wanted, list(guessed.values()))
        if best is not None:
            guessed[wanted.role] = best.name
    return guessed


def guess_by_names(columns: Sequence[str]) -> tuple[str, dict[str, str], list[str]] | None:
    """Guess the task from unmistakable column names; None if there are none.

    >>> guess_by_names(["id", "tokens", "ner_tags"])[:2]
    ('token-classification', {'tokens': 'tokens', 'tags': 'ner_tags'})
    """
    plain = {re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_"): name for name in columns}
    for task, roles in TELLING:
        found = {
            role: next((plain[guess] for guess in guesses if guess in plain), None)
            for role, guesses in roles.items()
        }
        if all(found.values()):
            named = {role: str(name) for role, name in found.items()}
            return task, named, [f"columns {', '.join(named.values())}: {WHY[task]}"]
    codes = [name for name in columns if LANGUAGE.fullmatch(name)]
    if len(codes) == len(columns) == 2:
        named = {"text": codes[0], "target": codes[1]}
        return "translation", named, [f"columns {' and '.join(codes)}: language codes"]
    return None


def guess_task(rows: Rows) -> tuple[str, dict[str, str], list[str]]:
    """Guess the task that a file is meant for.

    Returns:
        The task's name, the column of each role, and the reasons in words.

    Raises:
        DataError: No column looks like texts, or none like something to learn.
    """
    if (by_names := guess_by_names(list(rows.columns))) is not None:
        return by_names
    if list(rows.columns) == ["text"] and rows.files[0].lower().endswith((".txt", ".md")):
        return "masked-lm", {"text": "text"}, ["plain text, to train a language model on"]
    profiles = [profile(rows, column) for column in rows.columns]
    pair = _pair(profiles)
    text = pair[0] if pair else _best(profiles, TEXT, ())
    if text is None:
        raise _undecided(rows, "No column looks like texts: long, varied, of more than a word.")
    taken = [each.name for each in pair or (text,)]
    label, labels, number = (_best(profiles, w, taken) for w in (LABEL, LABELS, NUMBER))
    if labels and not (label and _name_fit(label.name, LABEL.guesses) > 0.5):
        return (
            "multi-label-classification",
            {"text": text.name, "labels": labels.name},
            [_why_text(text), f"{labels.name}: cells with several of {labels.n_parts} labels"],
        )
    if label is None and number is not None:
        return (
            "text-regression",
            {"text": text.name, "label": number.name},
            [_why_text(text), f"{number.name}: numbers, {number.n_distinct} different ones"],
        )
    if label is None:
        raise _undecided(rows, "No column looks like labels or numbers to learn.")
    reasons = [_why_text(text), f"{label.name}: {label.n_distinct} different values"]
    if pair is None:
        return "text-classification", {"text": text.name, "label": label.name}, reasons
    reasons.insert(1, f"{pair[1].name}: a second text")
    columns = {"text": text.name, "text_pair": pair[1].name, "label": label.name}
    return "pair-classification", columns, reasons


def _pair(profiles: Sequence[Profile]) -> tuple[Profile, Profile] | None:
    """Find two text columns that form pairs: by their names, or as the only two."""
    by_name = {
        re.sub(r"[^a-z0-9]+", "_", each.name.casefold()): each
        for each in profiles
        if each.fit("text") > 0
    }
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return by_name[first], by_name[second]
    texts = [each for name, each in by_name.items() if each.words >= 3 and not ASIDE.search(name)]
    texts = [each for each in texts if each.fit("label") == 0 and each.fit("labels") == 0]
    return (texts[0], texts[1]) if len(texts) == 2 else None


def _why_text(text: Profile) -> str:
    return f"{text.name}: texts of {text.words:.0f} words on average"


def _undecided(rows: Rows, problem: str) -> DataError:
    return DataError(
        problem,
        received=f"columns {', '.join(rows.columns)}",
        hint="name the columns: data.columns.text=COLUMN data.columns.label=COLUMN",
    )
