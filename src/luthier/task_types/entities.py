"""Entities for people: as `transformers.pipeline` gives them, and in context with their errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from luthier.metrics.softmax import softmax
from luthier.metrics.spans import errors_of
from luthier.ragged import Array
from luthier.records import Predictions, Rows, Target
from luthier.task_types.token_outputs import Pieces
from luthier.text.tags import spans_of_tags

STRATEGIES = ("words", "none", "simple", "first", "average", "max")
OUTSIDE = "O"
MOST_SHOWN = 200
Span = tuple[int, int, str]


def aggregate(
    predictions: Predictions,
    index: int,
    rows: Rows,
    target: Target,
    *,
    strategy: str,
    has_entities: bool,
) -> list[dict[str, Any]]:
    """List the entities of a row (or its words, where tags are no entities).

    `none` and the strategies of Transformers work on the logits of tokens, with the keys of
    Transformers; `words` gives the entities that are scored, from the tags chosen for words.
    """
    text = str(rows["text"][index])
    if strategy == "words":
        return _of_words(predictions, index, rows, target, has_entities=has_entities)
    pieces: Pieces = predictions.outputs
    one = pieces.take(np.array([index]))
    shares = softmax(one.logits.values.astype(np.float64))  # (tokens, labels)
    spans = one.spans.values if one.spans is not None else _word_spans(rows, index)
    word_of = one.word_of.values
    if strategy == "none":
        return [
            {
                "entity": target.names[best],
                "score": float(share[best]),
                "index": place + 1,
                "word": text[first:past],
                "start": int(first),
                "end": int(past),
            }
            for place, (share, (first, past)) in enumerate(zip(shares, spans, strict=True))
            if target.names[best := int(share.argmax())] != OUTSIDE
        ]
    units = _units(shares, spans, word_of, strategy)
    groups: list[list[tuple[str, float, int, int]]] = []
    for share, first, past in units:
        name = target.names[int(share.argmax())]
        tag, kind = (name[:1], name[2:]) if has_entities and name != OUTSIDE else ("I", name)
        unit = (kind, float(share.max()), first, past)
        if groups and groups[-1][0][0] == kind and tag != "B":
            groups[-1].append(unit)
        else:
            groups.append([unit])
    return [
        {
            "entity_group": group[0][0],
            "score": float(np.mean([score for _, score, _, _ in group])),
            "word": text[group[0][2] : group[-1][3]],
            "start": group[0][2],
            "end": group[-1][3],
        }
        for group in groups
        if group[0][0] != OUTSIDE
    ]


def _units(
    shares: Array, spans: Array, word_of: Array, strategy: str
) -> list[tuple[Array, int, int]]:
    """Return (probabilities, start, end) of the units to aggregate: tokens, or words."""
    if strategy == "simple":
        return [(share, int(a), int(b)) for share, (a, b) in zip(shares, spans, strict=True)]
    units = []
    for word in np.unique(word_of):
        inside = np.flatnonzero(word_of == word)
        share = shares[inside[0]]
        if strategy == "average":
            share = shares[inside].mean(axis=0)
        elif strategy == "max":
            share = shares[inside[shares[inside].max(axis=1).argmax()]]
        units.append((share, int(spans[inside[0], 0]), int(spans[inside[-1], 1])))
    return units


def _word_spans(rows: Rows, index: int) -> Array:
    return np.array(rows["words"][index], dtype=np.int64).reshape(-1, 2)


def _of_words(
    predictions: Predictions, index: int, rows: Rows, target: Target, *, has_entities: bool
) -> list[dict[str, Any]]:
    """List the entities that the chosen tags make, or every word with its tag."""
    text, words = str(rows["text"][index]), rows["words"][index]
    logits, _ = predictions.outputs.take(np.array([index])).of_words()
    shares = softmax(logits.values.astype(np.float64))
    ids = predictions.answers[index]
    tags = [OUTSIDE if tag < 0 else target.names[tag] for tag in ids]
    if has_entities:
        spans = spans_of_tags(tags, strict=True)
    else:
        spans = [(place, place + 1, tag) for place, tag in enumerate(tags)]
    return [
        {
            "entity_group": kind,
            "score": float(np.mean([shares[word, ids[word]] for word in range(first, past)])),
            "word": text[words[first][0] : words[past - 1][1]],
            "start": int(words[first][0]),
            "end": int(words[past - 1][1]),
        }
        for first, past, kind in spans
    ]


def errors_in_context(
    gold: Sequence[Sequence[Span]], answers: Sequence[Sequence[Span]], rows: Rows
) -> dict[str, Any]:
    """Show rows with true and found entities side by side, those with most errors first.

    Returns:
        `counts` of errors by kind; `rows`: text, entities as characters, and the errors.
    """
    counts: Counter[str] = Counter()
    shown = []
    for index, (true, found) in enumerate(zip(gold, answers, strict=True)):
        errors = errors_of(list(true), list(found))
        counts.update(kind for kind, _, _ in errors)
        if not errors:
            continue
        words = rows["words"][index]
        shown.append(
            {
                "where": rows.where(index),
                "text": str(rows["text"][index]),
                "gold": [_characters(span, words) for span in true],
                "answer": [_characters(span, words) for span in found],
                "errors": [
                    {
                        "kind": kind,
                        "gold": None if one is None else _characters(one, words),
                        "answer": None if other is None else _characters(other, words),
                    }
                    for kind, one, other in errors
                ],
            }
        )
    shown.sort(key=lambda row: -len(row["errors"]))
    return {
        "counts": dict(counts),
        "n_gold": sum(map(len, gold)),
        "n_answers": sum(map(len, answers)),
        "n_wrong_rows": len(shown),
        "rows": shown[:MOST_SHOWN],
    }


def _characters(span: Span, words: Sequence[tuple[int, int]]) -> list[Any]:
    first, past, kind = span
    return [int(words[first][0]), int(words[past - 1][1]), kind]
