"""The answers of several annotators, by kind: their agreement, and what is most likely true."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from luthier.annotators.gather import Gathered
from luthier.data.labels import as_number, label_name, split_labels
from luthier.errors import DataError
from luthier.metrics.agreement import cohen_kappa, interval_alpha, nominal_alpha
from luthier.metrics.consensus import Consensus, dawid_skene, right_votes
from luthier.metrics.intervals import interval, resamples
from luthier.ragged import Array
from luthier.results import Score
from luthier.text.tags import OUTSIDE, spans_of_tags, tags_of_spans
from luthier.text.words import word_range, words_around

Measured = tuple[Score, bool]  # agreement, and whether it is kappa's paradox
N_RESAMPLES = 200  # for two annotators
KAPPA, ALPHA, F1 = "Cohen's kappa", "Krippendorff's alpha", "F1 of entities"


@dataclass(frozen=True)
class Merged:
    """What the annotators say together of each item.

    Args:
        cells: Column to its cells: the answer, and what else changes with it.
        soft: Label to its probability, for each item; None where there are none.
        right: How right each answer is, (items, annotators): the probability that it is true;
            of numbers, how far it is from the mean of the others. nan: no answer.
        worse: Whether an annotator is worse than chance, (annotators,).
        split: Whether most annotators gave no one answer, (items,).
    """

    cells: Mapping[str, list[Any]]
    soft: list[dict[str, float]] | None
    right: Array
    worse: Array
    split: Array = field(default_factory=lambda: np.zeros(0, dtype=bool))


class Opinions(ABC):
    """The answers of all annotators.

    Args:
        gathered: Which row has whose answer to what.
        role: The column of the answers.
    """

    agreement: ClassVar[str] = ALPHA  # what `agree` measures
    of_pairs: ClassVar[str] = KAPPA  # what `agree_two` measures
    credit: ClassVar[str] = "accuracy"  # what `Merged.right` is a mean of

    def __init__(self, gathered: Gathered, role: str):
        self.gathered, self.role = gathered, role
        self.read(gathered.rows[role])

    @abstractmethod
    def read(self, cells: Sequence[Any]) -> None:
        """Read the answers."""

    @abstractmethod
    def agree(self, weights: Array | None = None) -> float:
        """Measure how far all agree, with weights of items."""

    @abstractmethod
    def agree_two(self, one: int, other: int) -> Measured:
        """Measure how far two agree."""

    @abstractmethod
    def merge(self) -> Merged:
        """Join the answers to each item."""

    def each(self, read: Any, absent: Any, dtype: Any) -> Array:
        """Read every answer into an array, (items, annotators)."""
        places, cells = self.gathered.places, self.gathered.rows[self.role]
        made = np.full(places.shape, absent, dtype=dtype)
        for item, who in zip(*np.nonzero(places >= 0), strict=True):
            made[item, who] = read(cells[places[item, who]], int(places[item, who]))
        return made


class OneLabel(Opinions):
    """One label for each row."""

    def read(self, cells: Sequence[Any]) -> None:
        """Number the labels."""
        used = self.gathered.places[self.gathered.places >= 0]
        self.names = sorted({label_name(cells[place]) for place in used.tolist()})
        ids = {name: index for index, name in enumerate(self.names)}
        self.votes = self.each(lambda cell, _: ids[label_name(cell)], -1, np.int64)

    def agree(self, weights: Array | None = None) -> float:
        """Compute Krippendorff's alpha of labels."""
        return nominal_alpha(self.votes, len(self.names), weights)

    def agree_two(self, one: int, other: int) -> Measured:
        """Compute Cohen's kappa."""
        found = cohen_kappa(self.votes[:, one], self.votes[:, other], len(self.names))
        return Score(found.kappa, *found.interval(), found.n), found.is_paradox

    def merge(self) -> Merged:
        """Join votes by Dawid and Skene's model."""
        found = dawid_skene(self.votes, len(self.names))
        answers = [self.names[one] for one in found.answers]
        soft = [_shares(self.names, row) for row in found.probabilities]
        return Merged(
            {self.role: answers},
            soft,
            right_votes(found, self.votes),
            found.worse_than_chance(),
            _without_majority(self.votes, len(self.names)),
        )


class SeveralLabels(Opinions):
    """Any number of labels for each row; each label is a question of its own."""

    def read(self, cells: Sequence[Any]) -> None:
        """Number the labels, and read which are given."""
        used = [split_labels(cells[place]) for place in self.gathered.places.ravel() if place >= 0]
        self.names = sorted({name for cell in used for name in cell})
        shape = (*self.gathered.places.shape, len(self.names))
        self.votes = np.full(shape, -1, dtype=np.int64)
        for item, who in zip(*np.nonzero(self.gathered.places >= 0), strict=True):
            given = set(split_labels(cells[self.gathered.places[item, who]]))
            self.votes[item, who] = [name in given for name in self.names]

    def _flat(self) -> Array:
        """Return the votes with each label of each item in a row, (items × labels, annotators)."""
        return self.votes.transpose(0, 2, 1).reshape(-1, self.votes.shape[1])

    def agree(self, weights: Array | None = None) -> float:
        """Compute Krippendorff's alpha over every label of every row."""
        each = None if weights is None else np.repeat(weights, len(self.names))
        return nominal_alpha(self._flat(), 2, each)

    def agree_two(self, one: int, other: int) -> Measured:
        """Compute Cohen's kappa over every label of every row."""
        flat = self._flat()
        found = cohen_kappa(flat[:, one], flat[:, other], 2)
        n_both = found.n // max(1, len(self.names))
        return Score(found.kappa, *found.interval(), n_both), found.is_paradox

    def merge(self) -> Merged:
        """Join the votes on each label by Dawid and Skene's model."""
        found = [dawid_skene(self.votes[:, :, at], 2) for at in range(len(self.names))]
        given = np.stack([one.probabilities[:, 1] for one in found], axis=1)  # (items, labels)
        right = [right_votes(one, self.votes[:, :, at]) for at, one in enumerate(found)]
        worse = np.mean([one.worse_than_chance() for one in found], axis=0) > 0.5
        soft = [dict(zip(self.names, row.round(4).tolist(), strict=True)) for row in given]
        answers = [[name for name, p in row.items() if p > 0.5] for row in soft]
        return Merged({self.role: answers}, soft, np.mean(right, axis=0), worse)


class Numbers(Opinions):
    """A number for each row."""

    of_pairs: ClassVar[str] = ALPHA
    credit: ClassVar[str] = "mean distance from the others"

    def read(self, cells: Sequence[Any]) -> None:
        """Read the numbers."""

        def read(cell: Any, place: int) -> float:
            number = as_number(cell)
            if number is None:
                raise DataError(
                    f"The {self.role} at {self.gathered.rows.where(place)} is not a number.",
                    received=repr(cell)[:60],
                    hint="mend the row, or --kind label",
                )
            return number

        self.values = self.each(read, np.nan, float)

    def agree(self, weights: Array | None = None) -> float:
        """Compute Krippendorff's alpha of numbers."""
        return interval_alpha(self.values, weights)

    def agree_two(self, one: int, other: int) -> Measured:
        """Compute Krippendorff's alpha of two."""
        both = self.values[:, [one, other]]
        both = both[~np.isnan(both).any(axis=1)]
        return _resampled(lambda weights: interval_alpha(both, weights), len(both)), False

    def merge(self) -> Merged:
        """Take the mean."""
        counts = self.gathered.n_answers[:, None]
        total = np.nansum(self.values, axis=1, keepdims=True)
        others = (total - self.values) / np.where(counts > 1, counts - 1, np.nan)
        means = (total / counts)[:, 0]
        n_annotators = len(self.gathered.names)
        return Merged(
            {self.role: means.tolist()},
            None,
            np.abs(self.values - others),
            np.zeros(n_annotators, dtype=bool),
        )


class Entities(Opinions):
    """Entities in a text: each that anyone marked is a question of its own."""

    agreement: ClassVar[str] = F1
    of_pairs: ClassVar[str] = F1
    credit: ClassVar[str] = "accuracy on entities that anyone marked"

    def read(self, cells: Sequence[Any]) -> None:
        """Turn tags into spans of characters."""
        words = self.gathered.rows["words"]
        plain = {tag for cell in cells for tag in cell if tag[:2] not in ("B-", "I-", OUTSIDE)}
        if plain:
            raise DataError(
                "Annotators of entities are compared, not of tags that mark no entity.",
                received=f"tags {', '.join(sorted(plain)[:5])}",
                hint="one row for each word, with --kind label",
            )

        def spans(cell: Any, place: int) -> list[tuple[int, int, str]]:
            at = words[place]
            return [(at[a][0], at[b - 1][1], name) for a, b, name in spans_of_tags(cell)]

        self.spans = self.each(spans, None, object)
        counts = [self._count(one, other) for one, other in self._two()]
        self.shared = np.sum([shared for shared, _ in counts], axis=0)
        self.total = np.sum([total for _, total in counts], axis=0)

    def _two(self) -> list[tuple[int, int]]:
        n_annotators = len(self.gathered.names)
        return [(a, b) for a in range(n_annotators) for b in range(a + 1, n_annotators)]

    def _count(self, one: int, other: int) -> tuple[Array, Array]:
        """Count, item by item, twice the entities that two share, and all of theirs."""
        pairs = [
            (0, 0) if a is None or b is None else (2 * len({*a} & {*b}), len({*a}) + len({*b}))
            for a, b in zip(self.spans[:, one], self.spans[:, other], strict=True)
        ]
        shared, total = np.array(pairs, dtype=float).T
        return shared, total

    def agree(self, weights: Array | None = None) -> float:
        """Compute F1 over all pairs of annotators."""
        w = np.ones(len(self.shared)) if weights is None else weights
        return _ratio(w, self.shared, self.total)

    def agree_two(self, one: int, other: int) -> Measured:
        """Compute F1 of two."""
        shared, total = self._count(one, other)
        both = (self.gathered.places[:, [one, other]] >= 0).all(axis=1)
        shared, total = shared[both], total[both]
        return _resampled(lambda weights: _ratio(weights, shared, total), len(shared)), False

    def merge(self) -> Merged:
        """Keep the entities that are probably true; of two that overlap, the likelier."""
        marked, candidates = [], []
        for item, row in enumerate(self.spans):
            for span in sorted({span for spans in row if spans is not None for span in spans}):
                marked.append((item, span))
                candidates.append([-1 if spans is None else int(span in spans) for spans in row])
        n_annotators = len(self.gathered.names)
        votes = np.array(candidates, dtype=np.int64).reshape(-1, n_annotators)
        found = dawid_skene(votes, 2)
        kept = self._kept(marked, found)
        words, tags = zip(*map(self._tagged, range(len(self.spans)), kept), strict=True)
        right = np.full((len(self.spans), n_annotators), np.nan)
        sums, each = np.zeros_like(right), right_votes(found, votes)
        counts = np.zeros_like(right)
        for (item, _), row in zip(marked, each, strict=True):
            sums[item] += np.nan_to_num(row)
            counts[item] += ~np.isnan(row)
        right = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        cells = {self.role: list(tags), "words": list(words)}
        return Merged(cells, None, right, found.worse_than_chance())

    def _kept(
        self, marked: Sequence[tuple[int, Any]], found: Consensus
    ) -> list[list[tuple[int, int, str]]]:
        kept: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
        share = found.probabilities[:, 1]
        for at in np.argsort(-share, kind="stable"):
            item, span = marked[at]
            if share[at] > 0.5 and all(span[1] <= a or b <= span[0] for a, b, _ in kept[item]):
                kept[item].append(span)
        return [sorted(kept[item]) for item in range(len(self.spans))]

    def _tagged(self, item: int, spans: Sequence[tuple[int, int, str]]) -> tuple[Any, list[str]]:
        """Tag the words of an item; they are split at the borders of entities, if need be."""
        place = int(self.gathered.firsts[item])
        text, words = self.gathered.rows["text"][place], self.gathered.rows["words"][place]
        borders = {border for word in words for border in word}
        if not all(a in borders and b in borders for a, b, _ in spans):
            words = words_around(text, [(a, b) for a, b, _ in spans])
        inside = [(*word_range(words, a, b), name) for a, b, name in spans]
        return words, tags_of_spans(inside, len(words), "IOB2")


OPINIONS: Mapping[str, type[Opinions]] = {  # by kind of target
    "single-label": OneLabel,
    "multi-label": SeveralLabels,
    "number": Numbers,
    "tags": Entities,
}


def opinions_of(kind: str, gathered: Gathered, role: str) -> Opinions:
    """Read the answers of all annotators.

    Raises:
        DataError: Answers of this kind cannot be compared, or one cannot be read.
    """
    if kind not in OPINIONS:
        raise DataError(
            "Annotators can be compared on labels, numbers and entities.",
            received=f"a task whose answers are of the kind {kind}",
            hint="leave the annotator out: each answer is then a row of its own",
        )
    return OPINIONS[kind](gathered, role)


def _resampled(measure: Callable[[Array], float], n_items: int) -> Score:
    """Measure two annotators, with an interval by the bootstrap over items."""
    drawn = resamples(n_items, n_resamples=N_RESAMPLES, seed=0)
    values = np.array([measure(weights) for weights in drawn])
    return Score(measure(np.ones(n_items)), *interval(values, confidence=0.95), n_items)


def _ratio(weights: Array, part: Array, whole: Array) -> float:
    total = float(weights @ whole)
    return float(weights @ part) / total if total else float("nan")


def _shares(names: Sequence[str], row: Array) -> dict[str, float]:
    return {name: round(float(p), 4) for name, p in zip(names, row, strict=True) if p >= 5e-5}


def _without_majority(votes: Array, n_labels: int) -> Array:
    counts = np.stack([(votes == label).sum(axis=1) for label in range(n_labels)], axis=1)
    split: Array = counts.max(axis=1) * 2 <= (votes >= 0).sum(axis=1)
    split &= (votes >= 0).sum(axis=1) > 1
    return split
