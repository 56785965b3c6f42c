"""Why a model answered as it did: one decision, and what each word added to it.

    row ─► decisions (a label, an entity, an answer, a written token) ─► attributions of words

What is explained is always the log-odds of a choice against what it competes with: they do not
saturate where the model is sure, as probabilities do, and what all labels gain does not move
them. A task lists its decisions (`Codec.decisions`), an explainer attributes one of them to words,
and `explaining/` puts both together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from luthier.ragged import Array


@dataclass(frozen=True)
class Choice:
    """One output that a model prefers to others.

    Args:
        outputs: NumPy index of the outputs that compete, among those of an item: (all labels,), or
            (token, all labels); of one output where that stands alone: the logit of a label that
            is given or not, or a number.
        chosen: Which of them is chosen; None where one stands alone.
    """

    outputs: tuple[Any, ...]
    chosen: int | None = None


@dataclass(frozen=True)
class Decision:
    """One decision of a model, which can be explained.

    Args:
        name: What was decided, for people: a label, an entity with its type, an answer.
        item: The item that decided: the window of a long text.
        kind: Kind of inference whose outputs the choices index.
        choices: What was chosen; the log-odds of several are summed.
        is_number: Whether the output is a number rather than log-odds: `mean + scale * output`.
        mean: See `is_number`.
        scale: See `is_number`.
        role: The column in which the decision's own words stand; None if it has none.
        span: Characters of these words in that column.
        note: What a reader should know of this decision.
        step: How many tokens were written before, where a token is written; None elsewhere.
        is_hidden: Whether the decision's own words are hidden throughout, so that only what
            stands around them is asked.
    """

    name: str
    item: int
    kind: str
    choices: tuple[Choice, ...]
    is_number: bool = False
    mean: float = 0.0
    scale: float = 1.0
    role: str | None = None
    span: tuple[int, int] | None = None
    note: str = ""
    step: int | None = None
    is_hidden: bool = False

    def owns(self, role: str, first: int, past: int) -> bool:
        """Return whether some of these characters are the decision's own."""
        own = self.span
        return own is not None and role == self.role and first < own[1] and past > own[0]


@dataclass(frozen=True)
class Words:
    """The words of an item, in the order of the text.

    Args:
        roles: Column of every word, (words,).
        spans: Its characters in that column, (words, 2).
        of_tokens: Word of every token of the item, -1 for tokens of none, (tokens,).
        texts: Column to its text.
    """

    roles: tuple[str, ...]
    spans: Array
    of_tokens: Array
    texts: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.roles)

    def only(self, kept: Array) -> Words:
        """Keep some words, bool (words,); the tokens of others are of none."""
        number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        roles = tuple(role for role, one in zip(self.roles, kept, strict=True) if one)
        return Words(roles, self.spans[kept], number[self.of_tokens], self.texts)


@dataclass(frozen=True)
class Attribution:
    """What an explainer found for one decision.

    Args:
        values: What each word added to the decision's log-odds, (words,).
        score: The log-odds.
        reference: The log-odds with all words replaced; None if the explainer needs none.
        error: By how much the values miss `score - reference`, as a share of it (of 0.1 where it
            is smaller); None for explainers whose values need not add up.
        n_passes: How often the model was asked.
    """

    values: Array
    score: float
    reference: float | None = None
    error: float | None = None
    n_passes: int = 0


@dataclass(frozen=True)
class Explanation:
    """A decision with the words that speak for it and against it.

    Args:
        decision: What was decided.
        by: Name of the explainer.
        texts: Column to its text.
        words: The words of the item that decided.
        attribution: What the explainer found.
        replaced_by: What words were replaced by: `[MASK]`, say.
        row: Place of the row, as `file:line`.
        predicted: The row's answer, as the task writes it.
        gold: The row's gold answer; None where it has none.
        notes: What a reader should know: what was not read, or which window decided.
        neighbours: The nearest training rows, the nearest first, if asked for.
        influential: Training rows that helped the decision most, then those that spoke most
            against it, if asked for.
    """

    decision: Decision
    by: str
    texts: Mapping[str, str]
    words: Words
    attribution: Attribution
    replaced_by: str
    row: str = ""
    predicted: Any = None
    gold: Any = None
    notes: tuple[str, ...] = ()
    neighbours: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    influential: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def probability(self) -> float | None:
        """The model's probability of a single choice; None for numbers and sums of choices."""
        if self.decision.is_number or len(self.decision.choices) != 1:
            return None
        return float(1 / (1 + math.exp(-min(max(self.attribution.score, -700.0), 700.0))))

    def ranked(self) -> list[tuple[str, float]]:
        """List the words with their values, those that matter most first."""
        values = self.attribution.values
        order = np.argsort(-np.abs(values), kind="stable")
        return [(self.word(int(index)), float(values[index])) for index in order]

    def word(self, index: int) -> str:
        """Return a word as it is written."""
        first, past = self.words.spans[index]
        return self.texts[self.words.roles[index]][first:past]

    def share(self, role: str) -> float:
        """Return the share of all attributions, in absolute value, that a column holds."""
        sizes = np.abs(self.attribution.values)
        chosen = np.array([one == role for one in self.words.roles], dtype=bool)
        return float(sizes[chosen].sum() / sizes.sum()) if sizes.sum() else 0.0

    def to_json(self) -> dict[str, Any]:
        """Describe it as JSON, word by word."""
        found = self.attribution
        words = [
            {"role": role, "start": int(first), "end": int(past), "word": self.word(index)}
            | {"value": float(found.values[index])}
            for index, (role, (first, past)) in enumerate(
                zip(self.words.roles, self.words.spans, strict=True)
            )
        ]
        return {
            "row": self.row,
            "predicted": self.predicted,
            "gold": self.gold,
            "explained": self.decision.name,
            "span": self.decision.span and [self.decision.role, *self.decision.span],
            "by": self.by,
            "replaced_by": self.replaced_by,
            "is_number": self.decision.is_number,
            "score": found.score,
            "reference": found.reference,
            "error": found.error,
            "probability": self.probability,
            "texts": dict(self.texts),
            "words": words,
            "notes": list(self.notes),
            "neighbours": list(self.neighbours),
            "influential": list(self.influential),
        }


class Reader(Protocol):
    """One decision of a model, to be asked again with other words: what explainers work with.

    Log-odds are those of the decision; they are a number where the task predicts one.
    """

    n_words: int

    def scores(self, without: Array, *, delete: bool = False) -> Array:
        """Return log-odds where words are replaced, or deleted.

        Args:
            without: Which words are, bool (texts, words).
            delete: Whether their tokens are left out rather than replaced.

        Returns:
            (texts,)
        """
        ...

    def slopes(self, points: Array, *, from_zero: bool = False) -> tuple[Array, Array]:
        """Return log-odds and their slopes on the way to the text.

        Args:
            points: Places on the way, 0 to 1, (points,).
            from_zero: Whether it begins at vectors of zeros rather than where all words are
                replaced.

        Returns:
            Log-odds, (points,), and how fast they change with each word's vector along the whole
            way, (points, words): the integral over all points is what the word adds.
        """
        ...

    def norms(self) -> tuple[float, Array]:
        """Return the log-odds of the text and the norm of each word's gradient, (words,)."""
        ...


class Explainer(Protocol):
    """How a decision is attributed to words; knows neither the task nor the engine."""

    name: ClassVar[str]
    needs_gradients: ClassVar[bool]  # whether it asks for more than scores
    Options: ClassVar[type]

    def explain(self, reader: Reader) -> Attribution:
        """Say what each word added to the decision."""
        ...
