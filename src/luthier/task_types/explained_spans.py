"""Answers in a text as decisions: where they start and end, or that there is none."""

from __future__ import annotations

import numpy as np

from luthier.explanation import Choice, Decision
from luthier.items import Items
from luthier.ragged import Array, Ragged
from luthier.task_types.answer_spans import AnswerLayout
from luthier.task_types.explained_texts import deciding_item, log_odds

KIND = "span-logits"


def decisions_of_span(
    logits: Ragged, index: int, items: Items, span: tuple[int, int], *, name: str
) -> list[Decision]:
    """Describe an answer by its first and its last token, each against the context's others.

    Args:
        logits: Logits of every token as a start and as an end, (tokens, 2) per window.
        index: The row.
        items: The windows, with their `AnswerLayout`.
        span: Characters of the answer in the context.
        name: The answer.

    Returns:
        One decision, by the window that speaks most for the answer; none if no window has it.
    """
    layout: AnswerLayout = items.layout
    found: dict[int, tuple[Choice, Choice]] = {}
    for window in np.flatnonzero(items.rows == index).tolist():
        tokens = _tokens_of_context(layout, window)
        starts = np.flatnonzero(layout.spans[window][tokens, 0] <= span[0])[-1:]
        ends = np.flatnonzero(layout.spans[window][tokens, 1] >= span[1])[:1]
        if not len(starts) or not len(ends):
            continue
        first, last = int(starts[0]), int(ends[0])
        has_it = layout.spans[window][tokens[first], 1] > span[0] and last >= first
        has_it &= bool(layout.spans[window][tokens[last], 0] < span[1])
        if has_it:
            found[window] = (Choice((tokens, 0), first), Choice((tokens, 1), last))
    if not found:
        return []

    def worth(window: int) -> float:
        if window not in found:
            return -np.inf
        return sum(
            log_odds(logits[window][one.outputs], int(one.chosen or 0)) for one in found[window]
        )

    item, note = deciding_item(items, index, worth)
    return [Decision(name, item, KIND, found[item], role="context", span=span, note=note)]


def decision_of_none(logits: Ragged, index: int, items: Items) -> Decision:
    """Describe that there is no answer: its token as a start and as an end, against the context's.

    A row has no answer if even the window that speaks least for none does.

    Args:
        logits: Logits of every token as a start and as an end, (tokens, 2) per window.
        index: The row.
        items: The windows, with their `AnswerLayout`.
    """
    layout: AnswerLayout = items.layout
    windows = np.flatnonzero(items.rows == index).tolist()
    item = min(windows, key=lambda window: float(logits[window][layout.nulls[window]].sum()))
    tokens = np.append(layout.nulls[item], _tokens_of_context(layout, item))
    choices = (Choice((tokens, 0), 0), Choice((tokens, 1), 0))
    note = ""
    if len(windows) > 1:
        number = windows.index(item) + 1
        note = f"of {len(windows)} windows, number {number} speaks least for no answer: it decides"
    return Decision("no answer", item, KIND, choices, note=note)


def _tokens_of_context(layout: AnswerLayout, window: int) -> Array:
    """Return the tokens between which an answer may stand, (k,)."""
    spans = layout.spans[window]
    return np.flatnonzero((layout.places[window] >= 0) & (spans[:, 1] > spans[:, 0]))
