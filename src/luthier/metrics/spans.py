"""Metrics of entities: strict, by border, by type; and of plain tags.

Strict is CoNLL's (Tjong Kim Sang & De Meulder 2003): an entity is right if its borders and its type
are. Partial and by type are SemEval 2013's (task 9, section 5) as the package nervaluate counts
them: an answer that overlaps a true entity counts half of it, or whole where its type is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.records import Array, Measure

Span = tuple[int, int, str]  # first word, one past the last, type
Spans = Sequence[Sequence[Span]]


def measure_spans(gold: Spans, answers: Spans) -> Measure:
    """Prepare strict precision, recall and F1 (micro and macro), partial F1 and F1 by type.

    Args:
        gold: True entities of every row.
        answers: Those found.
    """
    kinds = sorted({kind for rows in (gold, answers) for row in rows for _, _, kind in row})
    place = {kind: index for index, kind in enumerate(kinds)}
    counts = np.zeros((len(gold), 3, len(kinds)))  # right, found, true
    soft = np.zeros((len(gold), 4))  # partly right, of right type, found, true
    for row, (true, found) in enumerate(zip(gold, answers, strict=True)):
        for span in found:
            counts[row, 1, place[span[2]]] += 1
        for span in true:
            counts[row, 2, place[span[2]]] += 1
        for span in set(true) & set(found):
            counts[row, 0, place[span[2]]] += 1
        soft[row] = (*_soft(true, found), len(found), len(true))
    flat = counts.reshape(len(gold), -1)

    def measure(weights: Array | None) -> dict[str, float]:
        sums = (flat.sum(axis=0) if weights is None else weights @ flat).reshape(3, -1)
        right, found, true = sums.sum(axis=1) if len(kinds) else (0.0, 0.0, 0.0)
        partly, typed, n_found, n_true = soft.sum(axis=0) if weights is None else weights @ soft
        occurs = (sums[1] + sums[2]) > 0
        each = 2 * sums[0] / np.where(occurs, sums[1] + sums[2], 1)
        return {
            "f1": _f1(right, found, true),
            "precision": _share(right, found),
            "recall": _share(right, true),
            "macro_f1": float(each[occurs].mean()) if occurs.any() else 0.0,
            "partial_f1": _f1(partly, n_found, n_true),
            "type_f1": _f1(typed, n_found, n_true),
        }

    return measure


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _f1(right: float, found: float, true: float) -> float:
    return _share(2 * right, found + true)


def _soft(true: Sequence[Span], found: Sequence[Span]) -> tuple[float, float]:
    """Count what is partly right (1 for the same borders, a half for an overlap) and of its type.

    Each answer is paired with one true entity: the same one, else the same borders, else the first
    that it overlaps; a true entity counts once.
    """
    partly = typed = 0.0
    taken: set[int] = set()
    for span in found:
        match = _partner(span, true, taken)
        if match is None:
            continue
        taken.add(match)
        other = true[match]
        partly += 1.0 if span[:2] == other[:2] else 0.5
        typed += float(span[2] == other[2])
    return partly, typed


def _partner(span: Span, true: Sequence[Span], taken: set[int]) -> int | None:
    free = [index for index in range(len(true)) if index not in taken]
    overlapping = [i for i in free if span[0] < true[i][1] and true[i][0] < span[1]]
    if not overlapping:
        return None
    return max(
        overlapping,
        key=lambda i: (true[i] == span, true[i][:2] == span[:2], -i),
    )


def per_type(
    gold: Spans, answers: Spans, weights: Array | None = None
) -> dict[str, tuple[float, float, float, float]]:
    """Score every type strictly: type to (precision, recall, F1, true entities)."""
    kinds = sorted({kind for rows in (gold, answers) for row in rows for _, _, kind in row})
    sums = {kind: np.zeros(3) for kind in kinds}
    for row, (true, found) in enumerate(zip(gold, answers, strict=True)):
        weight = 1.0 if weights is None else weights[row]
        for at, spans in enumerate((set(true) & set(found), found, true)):
            for span in spans:
                sums[span[2]][at] += weight
    return {
        kind: (_share(r, f), _share(r, t), _f1(r, f, t), float(t))
        for kind, (r, f, t) in sums.items()
    }


def errors_of(
    gold: Sequence[Span], answers: Sequence[Span]
) -> list[tuple[str, Span | None, Span | None]]:
    """Pair true entities with those found and name what is wrong with each pair.

    Returns:
        (kind, true or None, found or None) in the order of the words: `missed`, `spurious`, `type`
        (borders right), `boundary` (type right, borders overlap) or `both`.
    """
    errors: list[tuple[str, Span | None, Span | None]] = []
    right = set(gold) & set(answers)
    true = [span for span in gold if span not in right]
    taken: set[int] = set()
    for span in (span for span in answers if span not in right):
        match = _partner(span, true, taken)
        if match is None:
            errors.append(("spurious", None, span))
            continue
        taken.add(match)
        other = true[match]
        kind = "type" if other[:2] == span[:2] else "boundary" if other[2] == span[2] else "both"
        errors.append((kind, other, span))
    errors += [("missed", span, None) for at, span in enumerate(true) if at not in taken]
    return sorted(errors, key=lambda error: (error[1] or error[2] or (0, 0, ""))[:2])


def measure_tags(gold: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Measure:
    """Prepare the accuracy of tags and their macro F1; a word without an answer (-1) is wrong.

    Args:
        gold: True tag ids of the words of every row.
        answers: Those given.
    """
    n_tags = 1 + max((tag for rows in (gold, answers) for row in rows for tag in row), default=0)
    counts = np.zeros((len(gold), 3, n_tags))
    words = np.zeros((len(gold), 2))
    for row, (true, given) in enumerate(zip(gold, answers, strict=True)):
        wanted, said = np.asarray(true, dtype=np.int64), np.asarray(given, dtype=np.int64)
        is_right = wanted == said
        counts[row, 0] = np.bincount(wanted[is_right], minlength=n_tags)
        counts[row, 1] = np.bincount(said[said >= 0], minlength=n_tags)
        counts[row, 2] = np.bincount(wanted, minlength=n_tags)
        words[row] = is_right.sum(), len(wanted)
    flat = counts.reshape(len(gold), -1)

    def measure(weights: Array | None) -> dict[str, float]:
        right, n_words = words.sum(axis=0) if weights is None else weights @ words
        sums = (flat.sum(axis=0) if weights is None else weights @ flat).reshape(3, -1)
        occurs = (sums[1] + sums[2]) > 0
        each = 2 * sums[0] / np.where(occurs, sums[1] + sums[2], 1)
        return {
            "token_accuracy": _share(right, n_words),
            "macro_f1": float(each[occurs].mean()) if occurs.any() else 0.0,
        }

    return measure
