"""Metrics of entities: strict, by border, by type; and of plain tags.

Strict is CoNLL's (Tjong Kim Sang & De Meulder 2003): an entity is right if its borders and its type
are. Partial and by type are SemEval 2013's (task 9, section 5) as the package nervaluate counts
them: by border, an answer that overlaps a true entity counts half; by type, whole where its type is
right. A resample then needs only weighted sums over rows. Next: `intervals.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from luthier.declarations import SHARE, Metric
from luthier.ragged import Array
from luthier.records import Measure

Span = tuple[int, int, str]  # first word, one past the last, type
Spans = Sequence[Sequence[Span]]
Table = Callable[[Array | None], Array]  # row weights -> (right, found, true; kinds)
Error = tuple[str, Span | None, Span | None]
METRICS = (  # macro F1 is declared in `classification.py`
    Metric("f1", "F1", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("precision", "precision", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("recall", "recall", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("partial_f1", "partial F1", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("type_f1", "F1 by type", unit=SHARE, higher_is_better=True, best=1.0),
    Metric("token_accuracy", "token accuracy", unit=SHARE, higher_is_better=True, best=1.0),
)


def measure_spans(gold: Spans, answers: Spans) -> Measure:
    """Prepare strict precision, recall and F1 (micro and macro), partial F1 and F1 by type.

    The macro average runs over the types that occur in `gold` or `answers`; a ratio with
    denominator 0 counts as 0, as in seqeval.

    Args:
        gold: True entities of each row.
        answers: Predicted entities of each row.
    """
    _, table_of = _tabulate_types(gold, answers)
    pairs = list(zip(gold, answers, strict=True))
    step_context = np.array([_partly_right(true, found) for true, found in pairs])
    typed = np.array([_of_right_type(true, found) for true, found in pairs], dtype=float)

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(gold)) if weights is None else weights
        table = table_of(w)
        right, found, true = table.sum(axis=1)
        return {
            "f1": _share(2 * right, found + true),
            "precision": _share(right, found),
            "recall": _share(right, true),
            "macro_f1": _macro_f1(table),
            "partial_f1": _share(2 * (w @ step_context), found + true),
            "type_f1": _share(2 * (w @ typed), found + true),
        }

    return measure


def per_type(gold: Spans, answers: Spans) -> tuple[list[str], Table]:
    """Prepare the strict scores of each type.

    Returns:
        The types; and from row weights to precision, recall, F1 and true entities, (4, types).
    """
    kinds, table_of = _tabulate_types(gold, answers)

    def score(weights: Array | None = None) -> Array:
        right, found, true = table_of(weights)
        rows = [(right, found), (right, true), (2 * right, found + true)]
        return np.stack([*(part / np.where(of > 0, of, 1) for part, of in rows), true])

    return kinds, score


def errors_of(gold: Sequence[Span], answers: Sequence[Span]) -> list[Error]:
    """Pair true with predicted entities and classify the error of each pair.

    Returns:
        (kind, true or None, found or None) in the order of the words: `missed`, `spurious`, `type`
        (borders right), `boundary` (type right, borders overlap) or `both`.
    """
    right = set(gold) & set(answers)
    true = [span for span in gold if span not in right]
    found = [span for span in answers if span not in right]
    errors: list[Error] = []
    for span, other in _pair(found, true, lambda a, b: (a[:2] == b[:2], a[2] == b[2])):
        kind = "type" if other[:2] == span[:2] else "boundary" if other[2] == span[2] else "both"
        errors.append((kind, other, span))
    paired = {span for _, *both in errors for span in both}
    errors += [("spurious", None, span) for span in found if span not in paired]
    errors += [("missed", span, None) for span in true if span not in paired]
    return sorted(errors, key=lambda error: (error[1] or error[2] or (0, 0, ""))[:2])


def measure_tags(gold: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Measure:
    """Prepare token accuracy and macro F1; a word without a predicted tag (-1) is wrong.

    Args:
        gold: True tag ids of the words of each row.
        answers: Predicted tag ids.
    """
    row_of = np.repeat(np.arange(len(gold)), [len(row) for row in gold])
    wanted = np.fromiter(chain.from_iterable(gold), dtype=np.int64)
    said = np.fromiter(chain.from_iterable(answers), dtype=np.int64)
    n_tags = 1 + int(max(wanted.max(initial=-1), said.max(initial=-1)))
    chosen = (wanted == said, said >= 0, wanted >= 0)
    table_of = _tabulate(
        [row_of[one] for one in chosen],
        [tags[one] for one, tags in zip(chosen, (wanted, said, wanted), strict=True)],
        n_tags,
    )

    def measure(weights: Array | None = None) -> dict[str, float]:
        table = table_of(weights)
        right, _, true = table.sum(axis=1)
        return {"token_accuracy": _share(right, true), "macro_f1": _macro_f1(table)}

    return measure


def _tabulate_types(gold: Spans, answers: Spans) -> tuple[list[str], Table]:
    """Count right, predicted and true entities of each type."""
    kinds = sorted({kind for rows in (gold, answers) for row in rows for _, _, kind in row})
    place = {kind: index for index, kind in enumerate(kinds)}
    right = [set(true) & set(found) for true, found in zip(gold, answers, strict=True)]
    row_of, kind_of = [], []
    for rows in (right, answers, gold):
        cells = [(row, place[kind]) for row, spans in enumerate(rows) for _, _, kind in spans]
        row_of.append(np.array([row for row, _ in cells], dtype=np.int64))
        kind_of.append(np.array([kind for _, kind in cells], dtype=np.int64))
    return kinds, _tabulate(row_of, kind_of, len(kinds))


def _tabulate(row_of: Sequence[Array], kind_of: Sequence[Array], n_kinds: int) -> Table:
    """Prepare the weighted counts of right, predicted and true, (3, kinds)."""
    rows = np.concatenate(row_of)
    cells = np.concatenate([which * n_kinds + kinds for which, kinds in enumerate(kind_of)])

    def table_of(weights: Array | None) -> Array:
        used = None if weights is None else weights[rows]
        return np.bincount(cells, used, minlength=3 * n_kinds).reshape(3, n_kinds)

    return table_of


def _macro_f1(table: Array) -> float:
    right, found, true = table[:, table[1] + table[2] > 0]
    return float(np.mean(2 * right / (found + true))) if len(right) else 0.0


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _partly_right(true: Sequence[Span], found: Sequence[Span]) -> float:
    """Count answers with the borders of a true entity, and half of those that overlap one."""
    pairs = _pair(found, true, lambda a, b: (a[:2] == b[:2],))
    return sum(1.0 if a[:2] == b[:2] else 0.5 for a, b in pairs)


def _of_right_type(true: Sequence[Span], found: Sequence[Span]) -> int:
    """Count answers that overlap a true entity of their type."""
    pairs = _pair(found, true, lambda a, b: (a[2] == b[2], -_distance(a, b) * (a[2] == b[2])))
    return sum(a[2] == b[2] for a, b in pairs)


def _distance(one: Span, other: Span) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _pair(
    found: Sequence[Span], true: Sequence[Span], fit: Callable[[Span, Span], tuple[int, ...]]
) -> list[tuple[Span, Span]]:
    """Match each answer in turn with the best unmatched true entity (the first of equals)."""
    free, pairs = list(true), []
    for span in found:
        overlapping = [other for other in free if span[0] < other[1] and other[0] < span[1]]
        if overlapping:
            fits = [fit(span, other) for other in overlapping]
            pairs.append((span, overlapping[fits.index(max(fits))]))
            free.remove(pairs[-1][1])
    return pairs
