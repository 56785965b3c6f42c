"""What words speak for over many rows, and which of them may be shortcuts, as records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from luthier.results import Score


@dataclass(frozen=True)
class WordEffect:
    """What a word adds to one label, over the rows that were answered so.

    Args:
        word: The word, in its case-folded form.
        label: The label; of a number, its column.
        effect: The mean of what it adds to the label's log-odds in a row, or to the number; its `n`
            is the number of explained rows with it.
        n_training: Number of training rows with it.
        in_training: How much it speaks for the label there: log-odds against other rows, or how far
            the number is above its mean.
    """

    word: str
    label: str
    effect: Score
    n_training: int
    in_training: float


@dataclass(frozen=True)
class LabelWords:
    """The words that speak for a label and against it, clearest first.

    Args:
        label: The label; of a number, its column.
        n_rows: Number of explained rows that were answered so.
        n_words: Number of words that occur in enough of them.
        words_for: Those whose interval lies above 0.
        words_against: Those whose interval lies below 0.
    """

    label: str
    n_rows: int
    n_words: int
    words_for: tuple[WordEffect, ...]
    words_against: tuple[WordEffect, ...]


@dataclass(frozen=True)
class Shortcut:
    """A word that matters far more than words do.

    Args:
        word: The word, in its case-folded form.
        label: What it speaks for most.
        importance: How many times as much as the average word of its row it matters.
        outlying: The same as a modified z-score among all frequent words.
        n_explained: Number of explained rows with it.
        n_training: Number of training rows with it.
        training_share: Share of those that carry the label; None for numbers.
        with_word: Score of the rows with it.
        without_word: Score of the rows without it.
        masked: Score of the rows with it when it is replaced in all of them.
        change: What the replacement changes in that score.
        all_rows: Score of all rows.
        all_masked: Score of all rows when it is replaced wherever it stands.
        p_value: P-value of the change.
        p_is_bound: Whether that is the least that so many resamples can give.
        sentence: What it comes to.
    """

    word: str
    label: str
    importance: float
    outlying: float
    n_explained: int
    n_training: int
    training_share: float | None
    with_word: Score
    without_word: Score
    masked: Score
    change: Score
    all_rows: Score
    all_masked: Score
    p_value: float
    p_is_bound: bool
    sentence: str = ""


@dataclass(frozen=True)
class GlobalWords:
    """What words speak for over many rows.

    Args:
        by: Name of the explainer.
        labels: The words of every label that was answered often enough.
        shortcuts: Words that matter far more than words do, the most outlying first.
        metric: Name of the metric of the scores.
        n_explained: Number of rows explained.
        n_scored: Number of rows scored.
        n_training: Number of training rows whose words were counted.
        least_rows: Rows in which a word has to occur.
        confidence: Level of the intervals.
        is_number: Whether words raise and lower a number.
        seconds: How long it took.
        notes: How it is to be read.
    """

    by: str
    labels: tuple[LabelWords, ...]
    shortcuts: tuple[Shortcut, ...]
    metric: str
    n_explained: int
    n_scored: int
    n_training: int
    least_rows: int
    confidence: float
    is_number: bool
    seconds: float
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Describe it as JSON."""
        return asdict(self)
