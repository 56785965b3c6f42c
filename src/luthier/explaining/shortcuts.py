"""Finds words that matter far more than words do, and measures what a model is without them.

How much a word matters in a row is the size of its value over the mean size of the row's words, so
that long rows and sure decisions count no more than others; over rows it is the median. Outliers
among the words are named, by the modified z-score: 0.6745 (x - median) / (median absolute
deviation), 3.5 or more (Iglewicz & Hoaglin 1993, "How to detect and handle outliers"). How frequent
a word is does not help it. A word that truly tells the label may be one of them: hence the score
with it, without it, and with it replaced everywhere, and how its training rows are labelled.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from luthier.evaluation.sentences import say_p
from luthier.explaining.explain import Answered
from luthier.explaining.resampled import Resampled
from luthier.explaining.training_words import TrainingWords, form_of
from luthier.explaining.variants import replacement_of
from luthier.explaining.word_records import Shortcut
from luthier.items import Items
from luthier.metrics.intervals import interval
from luthier.metrics.names import metric_of
from luthier.metrics.significance import paired_bootstrap_p
from luthier.ragged import Array, Ragged
from luthier.records import Measure, StepInfo
from luthier.results import Score
from luthier.training.predict import infer_kinds

OUTLYING = 3.5
LEAST_FORMS = 10  # words below which none can be told to be an outlier
MOST = 5  # words whose rows are answered again
SCORED = 1000  # resamples by which metrics are measured, which takes longer than means


@dataclass(frozen=True)
class Found:
    """A frequent word.

    Args:
        form: The word.
        label: What it speaks for most.
        importance: How many times as much as the average word of its row it matters; the median.
        n_rows: Number of explained rows with it.
    """

    form: str
    label: str
    importance: float
    n_rows: int


def outlying(values: Array) -> Array:
    """Return modified z-scores (Iglewicz & Hoaglin 1993), (values,); 0 where nothing varies.

    >>> outlying(np.array([1.0, 2.0, 3.0, 4.0, 50.0])).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 31.7]
    """
    distances = values - np.median(values)
    spread = float(np.median(np.abs(distances)))
    return np.asarray(0.6745 * distances / spread) if spread else np.zeros(len(values))


def find_shortcuts(
    answered: Answered,
    found: list[Found],
    counted: TrainingWords,
    resampled: Resampled,
    *,
    batch_size: int,
) -> Generator[StepInfo, None, tuple[Shortcut, ...]]:
    """Name the outlying words and measure the model with them, without them, and once replaced.

    Args:
        answered: Rows with gold answers.
        found: The frequent words.
        counted: The words of the training rows.
        resampled: Resamples of the rows.
        batch_size: Number of items of 64 tokens in a batch.
    """
    if len(found) < LEAST_FORMS:
        return ()
    scores = outlying(np.array([one.importance for one in found]))
    order = [place for place in np.argsort(-scores, kind="stable") if scores[place] >= OUTLYING]
    forms = _forms_of_items(answered)
    made = []
    for place in order[:MOST]:
        one = found[place]
        made.append(
            (
                yield from _measured(
                    answered, one, float(scores[place]), forms, counted, resampled, batch_size
                )
            )
        )
    return tuple(made)


def _forms_of_items(answered: Answered) -> list[dict[str, Array]]:
    """List the words of every item with the tokens of each."""
    found = []
    for item in range(len(answered.items)):
        words = answered.codec.words(answered.items, item, answered.rows)
        tokens: dict[str, list[int]] = {}
        for number, (role, (first, past)) in enumerate(
            zip(words.roles, words.spans.tolist(), strict=True)
        ):
            form = form_of(words.texts[role][first:past])
            tokens.setdefault(form, []).extend(np.flatnonzero(words.of_tokens == number))
        found.append({form: np.array(places) for form, places in tokens.items()})
    return found


def _measured(
    answered: Answered,
    word: Found,
    score: float,
    forms: list[dict[str, Array]],
    counted: TrainingWords,
    resampled: Resampled,
    batch_size: int,
) -> Generator[StepInfo, None, Shortcut]:
    """Answer the rows with a word again, without it, and score them."""
    codec = answered.codec
    has_word = np.zeros(len(answered.rows), dtype=bool)
    has_word[answered.items.rows[[word.form in one for one in forms]]] = True
    concerned = np.flatnonzero(has_word[answered.items.rows])  # all items of these rows
    inferred = yield from infer_kinds(
        answered.model,
        _replaced(answered, word.form, [forms[item] for item in concerned], has_word),
        codec,
        batch_size=batch_size,
        kinds=codec.inference_kinds(answering=True),
        phase=f"without “{word.form}”",
    )
    merged = {
        kind: _merged(values, concerned, inferred[kind]) if len(values) == len(forms) else values
        for kind, values in answered.inferred.items()
    }
    again = codec.decode(codec.outputs(merged, answered.items, answered.rows))
    metric = codec.task.main_metric
    weights = resampled.weights[:SCORED]
    before = _Scored(codec.measure(answered.gold, answered.predictions), metric, weights)
    after = _Scored(codec.measure(answered.gold, again), metric, weights)
    everywhere = np.ones(len(has_word), dtype=bool)
    level = resampled.confidence
    value = after.on(has_word) - before.on(has_word)
    changes = after.resampled(has_word) - before.resampled(has_word)
    p_value, is_bound = paired_bootstrap_p(changes)
    made = Shortcut(
        word=word.form,
        label=word.label,
        importance=word.importance,
        outlying=score,
        n_explained=word.n_rows,
        n_training=counted.counts[word.form],
        training_share=counted.share(word.form, word.label),
        with_word=before.score(has_word, level),
        without_word=before.score(~has_word, level),
        masked=after.score(has_word, level),
        change=Score(value, *interval(changes, confidence=level), int(has_word.sum())),
        all_rows=before.score(everywhere, level),
        all_masked=after.score(everywhere, level),
        p_value=p_value,
        p_is_bound=is_bound,
    )
    return replace(made, sentence=_sentence(made, metric, counted))


@dataclass(frozen=True)
class _Scored:
    """A metric of answers on some of the rows.

    Args:
        measure: Maps row weights to metrics.
        metric: The metric.
        weights: Resamples of the rows, (resamples, rows).
    """

    measure: Measure
    metric: str
    weights: Array

    def on(self, chosen: Array) -> float:
        """Return its value on some rows; nan without any."""
        return self.measure(chosen.astype(float))[self.metric] if chosen.any() else float("nan")

    def resampled(self, chosen: Array) -> Array:
        """Return its value on every resample of them, (resamples,)."""
        values = [
            self.measure(one)[self.metric] if one.any() else np.nan for one in self.weights * chosen
        ]
        return np.array(values, dtype=np.float64)

    def score(self, chosen: Array, confidence: float) -> Score:
        """Return its value with its interval."""
        ends = interval(self.resampled(chosen), confidence=confidence)
        return Score(self.on(chosen), *ends, int(chosen.sum()))


def _replaced(answered: Answered, form: str, forms: list[dict[str, Array]], chosen: Array) -> Items:
    """Encode some rows with a word replaced wherever it stands.

    Args:
        answered: The rows.
        form: The word.
        forms: The words of the items of these rows, with their tokens.
        chosen: Which rows, bool (rows,).
    """
    items = answered.codec.encode(answered.rows.take(np.flatnonzero(chosen)))
    field = items.inputs["input_ids"]
    ids = field.values
    if not isinstance(ids, Ragged):
        raise ValueError("tokens of texts are ragged")
    values, token = ids.values.copy(), replacement_of(answered.codec.processor).token
    for item, found in enumerate(forms):
        if form in found:
            values[ids.offsets[item] + found[form]] = token
    replaced = replace(field, values=Ragged(values, ids.offsets))
    return replace(items, inputs={**items.inputs, "input_ids": replaced})


def _merged(values: Array | Ragged, places: Array, others: Array | Ragged) -> Array | Ragged:
    """Put what was inferred for some items in the place of what was there."""
    if not isinstance(values, Ragged):
        merged = values.copy()
        merged[places] = others
        return merged
    new = dict(zip(places.tolist(), range(len(places)), strict=True))
    parts = [others[new[item]] if item in new else values[item] for item in range(len(values))]
    return Ragged.of(parts, dtype=values.values.dtype, width=values.values.shape[1:])


def _sentence(found: Shortcut, metric: str, counted: TrainingWords) -> str:
    """Say what a shortcut does."""
    title = metric_of(metric).title
    if counted.is_number:
        rows = f"{found.n_training:,} training rows have it"
    else:
        share = "none" if found.training_share is None else f"{found.training_share:.0%}"
        rows = f"{share} of its {found.n_training:,} training rows have the label {found.label}"
    change = (
        f"{found.masked.value:.3f} when it is replaced ({found.change.value:+.3f} "
        f"[{found.change.low:+.3f}, {found.change.high:+.3f}], "
        f"{say_p(found.p_value, is_bound=found.p_is_bound)})"
    )
    return (
        f"“{found.word}” matters {found.importance:.1f} times as much as the average word of its "
        f"rows and speaks for {found.label}; {rows}. {title} is {found.with_word.value:.3f} on the "
        f"{found.with_word.n:,} rows with it, {found.without_word.value:.3f} on the other "
        f"{found.without_word.n:,}, and {change}."
    )
