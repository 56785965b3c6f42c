"""Which words speak for which label, over many rows: what a model goes by as a whole.

A word's effect in a row is the sum of what its occurrences add to the decision. Words count by
their case-folded forms, and only where they occur in enough rows; their order is that of the end of
the interval that is nearest to 0, so that a word of few rows does not come first by luck.
Next: `shortcuts.py`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from luthier.errors import DataError
from luthier.explaining.explain import DEFAULT, Answered, NothingReadError, make_explainer
from luthier.explaining.resampled import Resampled
from luthier.explaining.shortcuts import Found, find_shortcuts
from luthier.explaining.training_words import TrainingWords, form_of, labels_of
from luthier.explaining.word_records import GlobalWords, LabelWords, WordEffect
from luthier.explanation import Decision, Explanation
from luthier.ragged import Array
from luthier.records import Rows, StepInfo
from luthier.seeding import stream

N_ROWS = 300
N_RESAMPLES = 2000
LEAST_ROWS = 5
MOST_WORDS = 15  # that are listed of a label, each way

Steps = Generator[StepInfo, None, GlobalWords]


@dataclass(frozen=True)
class _Effects:
    """What the words of one explanation added.

    Args:
        row: The row.
        label: What was decided.
        sums: Form to the sum of its values.
        sizes: Form to its mean absolute value, as a multiple of the mean of the row's words.
    """

    row: int
    label: str
    sums: Mapping[str, float]
    sizes: Mapping[str, float]


def global_words(
    answered: Answered,
    training: Rows,
    *,
    by: str = DEFAULT,
    n_rows: int = N_ROWS,
    n_resamples: int = N_RESAMPLES,
    confidence: float = 0.95,
    batch_size: int = 32,
    seed: int = 0,
) -> Steps:
    """Say which words speak for which label, yielding every explained row.

    Args:
        answered: Rows with gold answers, all of which are scored.
        training: The training rows, whose words are counted.
        by: Name of the explainer.
        n_rows: Number of rows to explain, drawn at random.
        n_resamples: Number of bootstrap resamples.
        confidence: Level of the intervals.
        batch_size: Number of items of 64 tokens in a batch.
        seed: Seed of the draw and of the resamples.

    Raises:
        RecipeError: There is no such explainer.
        DataError: The task has no labels, or no row has a word.
    """
    begun = time.monotonic()
    labels = labels_of(answered.codec)
    if not labels:
        raise DataError(
            "The answers of this task are no labels, so words cannot be sorted by what they speak "
            "for.",
            received=f"task {answered.codec.task.name}",
            hint="explain single rows: --rows test:0-9",
        )
    n_all = len(answered.rows)
    drawn = stream(seed, "explained rows").permutation(n_all)[:n_rows]
    effects = []
    explainer = make_explainer(by)
    for step, row in enumerate(sorted(drawn.tolist()), start=1):
        for decision in answered.decisions(row):
            with suppress(NothingReadError):
                explained = answered.explain(decision, explainer)
                effects.append(_effects(row, label_of(decision, labels), explained))
        yield StepInfo("explaining", step, len(drawn), rows=1)
    if not effects:
        raise DataError(
            "There is nothing to explain: no row has a decision and a word.",
            received=f"{n_all:,} rows",
            hint="rows with text",
        )
    counted = TrainingWords.of(answered.codec, training)
    n_explained = len(drawn)
    resampled = Resampled.of(n_all, n_resamples=n_resamples, confidence=confidence, seed=seed)
    listed = tuple(
        _of_label(label, [one for one in effects if one.label == label], counted, resampled)
        for label in labels
    )
    found = _found(effects)
    shortcuts = yield from find_shortcuts(
        answered, found, counted, resampled, batch_size=batch_size
    )
    return GlobalWords(
        by=by,
        labels=tuple(one for one in listed if one.n_words),
        shortcuts=shortcuts,
        metric=answered.codec.task.main_metric,
        n_explained=n_explained,
        n_scored=n_all,
        n_training=len(training),
        least_rows=LEAST_ROWS,
        confidence=confidence,
        is_number=answered.codec.target.kind == "number",
        seconds=time.monotonic() - begun,
        notes=_notes(listed, found),
    )


def label_of(decision: Decision, labels: tuple[str, ...]) -> str:
    """Return the label that a decision is about; an entity is named by its type first."""
    return decision.name if decision.name in labels else decision.name.partition(": ")[0]


def _effects(row: int, label: str, explained: Explanation) -> _Effects:
    """Sum what words added, by their forms; an entity's own words do not count."""
    words, values = explained.words, explained.attribution.values
    average = float(np.abs(values).mean()) or 1.0
    sums: dict[str, float] = defaultdict(float)
    sizes: dict[str, list[float]] = defaultdict(list)
    for index, value in enumerate(values.tolist()):
        first, past = words.spans[index].tolist()
        if not explained.decision.owns(words.roles[index], first, past):
            form = form_of(explained.word(index))
            sums[form] += value
            sizes[form].append(abs(value) / average)
    means = {form: float(np.mean(found)) for form, found in sizes.items()}
    return _Effects(row, label, dict(sums), means)


def _of_label(
    label: str, effects: list[_Effects], counted: TrainingWords, resampled: Resampled
) -> LabelWords:
    """List the words that speak for a label and against it."""
    rows_of: dict[str, dict[int, float]] = defaultdict(dict)
    for one in effects:
        for form, value in one.sums.items():
            rows_of[form][one.row] = rows_of[form].get(one.row, 0.0) + value
    frequent = {form: rows for form, rows in rows_of.items() if len(rows) >= LEAST_ROWS}
    n_all = resampled.weights.shape[1]
    made = []
    for form, rows in frequent.items():
        values = np.full(n_all, np.nan)
        values[list(rows)] = list(rows.values())
        effect = resampled.score(values)
        training = counted.counts[form], counted.evidence(form, label)
        made.append(WordEffect(form, label, effect, *training))
    above = [one for one in made if one.effect.low > 0]
    below = [one for one in made if one.effect.high < 0]
    return LabelWords(
        label,
        len({one.row for one in effects}),
        len(frequent),
        tuple(sorted(above, key=lambda one: -one.effect.low)[:MOST_WORDS]),
        tuple(sorted(below, key=lambda one: one.effect.high)[:MOST_WORDS]),
    )


def _found(effects: list[_Effects]) -> list[Found]:
    """Put together how much each frequent word matters, whatever it speaks for."""
    sizes: dict[str, dict[int, float]] = defaultdict(dict)
    towards: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in effects:
        for form, size in one.sizes.items():
            sizes[form][one.row] = max(size, sizes[form].get(one.row, 0.0))
            towards[form][one.label] += one.sums[form]
    return [
        Found(
            form,
            max(towards[form], key=lambda label: towards[form][label]),
            _typical(np.array(list(rows.values()))),
            len(rows),
        )
        for form, rows in sizes.items()
        if len(rows) >= LEAST_ROWS
    ]


def _typical(values: Array) -> float:
    """Return the median: one odd row makes no shortcut."""
    return float(np.median(values))


def _notes(listed: tuple[LabelWords, ...], found: list[Found]) -> tuple[str, ...]:
    """Say what is missing, and why."""
    rare = [one.label for one in listed if not one.n_words]
    notes = []
    if rare:
        shown = ", ".join(rare[:5]) + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")
        notes.append(f"no word occurs in {LEAST_ROWS} explained rows of {shown}: explain more rows")
    if not found:
        notes.append("no word is frequent enough to look for shortcuts")
    return tuple(notes)
