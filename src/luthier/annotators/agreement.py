"""How far annotators agree, how right each is, and the rows that come of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from luthier.annotators.gather import Gathered, gather, refuse_alone
from luthier.annotators.opinions import Merged, Opinions, opinions_of
from luthier.columns import SOFT
from luthier.data.fingerprint import cell_digest
from luthier.data.join_rows import joined
from luthier.data.labels import is_missing
from luthier.metrics.agreement import RELIABLE, TENTATIVE
from luthier.metrics.intervals import exact_interval, interval, resamples
from luthier.ragged import Array
from luthier.records import Rows
from luthier.results import Finding, Score

MOST_PAIRS = 200  # pairs of annotators that are compared: those with most rows in common
N_RESAMPLES = 500
CONFIDENCE = 0.95
PLACES = 5  # places that a finding names


@dataclass(frozen=True)
class Pair:
    """Two annotators: how far they agree, on how many rows.

    Args:
        one: The first.
        other: The second.
        score: Cohen's kappa of labels, alpha of numbers, F1 of entities, with its interval; n is
            the number of rows that both answered.
        is_paradox: Whether kappa is low only because one label prevails.
    """

    one: str
    other: str
    score: Score
    is_paradox: bool


@dataclass(frozen=True)
class Annotator:
    """One annotator: how right the answers are, if those of all are joined.

    Args:
        name: The annotator.
        score: Accuracy with its interval, or of numbers the mean distance from the others.
        worse_than_chance: Whether answers say less than a guess would.
    """

    name: str
    score: Score
    worse_than_chance: bool


@dataclass(frozen=True)
class Agreement:
    """What the answers of several annotators say.

    Args:
        measure: What `value` is: Krippendorff's alpha, or F1 of entities.
        value: The agreement of all, with its interval; n counts rows with two answers or more.
        of_pairs: What the values of `pairs` are.
        pairs: The agreement of two and two.
        credit: What the scores of `annotators` are.
        annotators: All annotators, the best first.
        n_answers: Answers read.
        n_split: Rows of which no answer has most votes.
        notes: What was decided on the way, in words.
        merged: One row for each text.
    """

    measure: str
    value: Score
    of_pairs: str
    pairs: tuple[Pair, ...]
    credit: str
    annotators: tuple[Annotator, ...]
    n_answers: int
    n_split: int
    notes: tuple[str, ...]
    merged: Rows

    @property
    def verdict(self) -> str:
        """The agreement as one sentence."""
        words = (
            f"{self.measure} is {self.value.value:.3f} [{self.value.low:.3f}, "
            f"{self.value.high:.3f}] over {self.value.n:,} rows with two answers or more"
        )
        if not self.measure.endswith("alpha"):
            return f"{words}."
        if self.value.value >= RELIABLE:
            return f"{words}: reliable ({RELIABLE} and above)."
        if self.value.value >= TENTATIVE:
            return f"{words}: for tentative conclusions ({TENTATIVE} to {RELIABLE})."
        return (
            f"{words}: below {TENTATIVE}. Say more clearly what each label means before you label "
            "more; no model can be told to be better than its labels."
        )


def agreement_of(
    rows: Rows,
    kind: str,
    column: str,
    inputs: Sequence[str],
    role: str,
    *,
    id_column: str | None = None,
) -> Agreement:
    """Compare the annotators of rows, and join their answers.

    Args:
        rows: The rows as the task normalises them.
        kind: Kind of the target.
        column: The column that names annotators.
        inputs: Columns of what was judged.
        role: The column of the answers.
        id_column: Column that names items; None: equal texts are one item.

    Raises:
        DataError: There is nothing to compare.
    """
    return compared(gather(rows, column, inputs, role, id_column=id_column), kind, column, role)


def compared(gathered: Gathered, kind: str, column: str, role: str) -> Agreement:
    """Compare annotators whose answers stand side by side.

    Raises:
        DataError: There is nothing to compare.
    """
    refuse_alone(gathered, column)
    opinions = opinions_of(kind, gathered, role)
    merged = opinions.merge()
    return Agreement(
        opinions.agreement,
        _agreement(opinions),
        opinions.of_pairs,
        _pairs(opinions),
        opinions.credit,
        _annotators(opinions, merged),
        int(gathered.n_answers.sum()),
        int(merged.split.sum()),
        _notes(gathered),
        _merged_rows(gathered, merged, column),
    )


def merged_by_annotators(
    rows: Rows, kind: str, column: str, inputs: Sequence[str], role: str, *, needed: bool = True
) -> tuple[Rows, list[Finding]]:
    """Join the rows of several annotators to one row for each text, and say how far they agree.

    Rows that name nobody, such as those of a file beside, stay as they are, unless annotators
    answered the same text.

    Args:
        rows: The rows as the task normalises them.
        kind: Kind of the target.
        column: The column that names annotators.
        inputs: Columns of what was judged.
        role: The column of the answers.
        needed: Whether rows that there is nothing to join of are refused, not kept as they are.

    Raises:
        DataError: There is nothing to join.
    """
    if not needed and column not in rows:
        return rows, []
    is_named = np.array([not is_missing(who) for who in rows.columns.get(column, ())], dtype=bool)
    named = rows if is_named.all() else rows.take(np.flatnonzero(is_named))
    gathered = gather(named, column, inputs, role)
    if not needed and not gathered.is_shared:
        return rows, []
    found = compared(gathered, kind, column, role)
    rest = _without_texts_of(rows.take(np.flatnonzero(~is_named)), found.merged, inputs, column)
    places = tuple(found.merged.where(row) for row in range(min(PLACES, len(found.merged))))
    is_poor = found.measure.endswith("alpha") and not found.value.value >= TENTATIVE
    n_annotators, n_rows = len(found.annotators), len(found.merged)
    message = (
        f"{found.n_answers:,} answers of {n_annotators} annotators became {n_rows:,} rows. "
        f"{found.verdict}"
        + f" {len(rest):,} rows that name nobody stay as they are."
        * bool(len(rest))
    )
    findings = [
        Finding(
            "annotators-merged",
            "warning" if is_poor else "note",
            message,
            n_rows,
            tuple(f"{place}:{role}" for place in places),
            f"luthier agree FILE --annotator {column} shows who agrees with whom",
        )
    ]
    worse = [one.name for one in found.annotators if one.worse_than_chance]
    if worse:
        findings.append(
            Finding(
                "annotator-below-chance",
                "warning",
                f"Answers of {', '.join(worse)} say less than a guess would: labels were mixed "
                "up, or the rows were not read.",
                sum(one.score.n for one in found.annotators if one.worse_than_chance),
                tuple(f"{place}:{column}" for place in places[:1]),
                f"look at some rows of {worse[0]}; leave them out if they are random",
            )
        )
    return joined([found.merged, rest]) if len(rest) else found.merged, findings


def _without_texts_of(rows: Rows, others: Rows, inputs: Sequence[str], column: str) -> Rows:
    """Leave out rows with the texts of others, and the column of annotators."""
    known = {tuple(cell_digest(others[role][at]) for role in inputs) for at in range(len(others))}
    kept = [
        at
        for at in range(len(rows))
        if tuple(cell_digest(rows[role][at]) for role in inputs) not in known
    ]
    columns = {name: cells for name, cells in rows.columns.items() if name != column}
    return replace(rows, columns=columns).take(kept)


def _agreement(opinions: Opinions) -> Score:
    n_answers = opinions.gathered.n_answers
    drawn = resamples(len(n_answers), n_resamples=N_RESAMPLES, seed=0)
    values = np.array([opinions.agree(weights) for weights in drawn])
    ends = interval(values, confidence=CONFIDENCE)
    return Score(opinions.agree(), *ends, int((n_answers > 1).sum()))


def _pairs(opinions: Opinions) -> tuple[Pair, ...]:
    there = (opinions.gathered.places >= 0).astype(np.int64)
    shared, names = there.T @ there, opinions.gathered.names
    both = [two for two in combinations(range(len(names)), 2) if shared[two] > 0]
    both = sorted(both, key=lambda two: -int(shared[two]))[:MOST_PAIRS]
    ordered = sorted(sorted(two, key=lambda at: names[at]) for two in both)
    return tuple(Pair(names[a], names[b], *opinions.agree_two(a, b)) for a, b in ordered)


def _annotators(opinions: Opinions, merged: Merged) -> tuple[Annotator, ...]:
    found = []
    for at, name in enumerate(opinions.gathered.names):
        right = merged.right[:, at]
        right = right[~np.isnan(right)]
        score = _credit(right, opinions.credit)
        found.append(Annotator(name, score, bool(merged.worse[at])))
    best_first = -1 if opinions.credit.startswith("accuracy") else 1
    return tuple(sorted(found, key=lambda one: best_first * np.nan_to_num(one.score.value)))


def _credit(right: Array, credit: str) -> Score:
    n = len(right)
    if n == 0:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    mean = float(right.mean())
    if credit.startswith("accuracy"):
        return Score(mean, *exact_interval(mean, n, confidence=CONFIDENCE), n)
    drawn = resamples(n, n_resamples=N_RESAMPLES, seed=0)
    means = np.array([weights @ right / n for weights in drawn])
    return Score(mean, *interval(means, confidence=CONFIDENCE), n)


def _notes(gathered: Gathered) -> tuple[str, ...]:
    notes = []
    if gathered.n_again:
        notes.append(
            f"{gathered.n_again:,} answers were given again by the same annotator, "
            f"{gathered.n_changed:,} of them differently; the last one counts"
        )
    if gathered.n_unnamed:
        notes.append(f"{gathered.n_unnamed:,} rows name no annotator, and are left out")
    n_alone = int((gathered.n_answers == 1).sum())
    if n_alone:
        notes.append(f"{n_alone:,} rows have one answer, which counts as far as its annotator does")
    return tuple(notes)


def _merged_rows(gathered: Gathered, merged: Merged, column: str) -> Rows:
    """Make a row of each text, with the places and other cells of its first."""
    rows = gathered.rows.take(gathered.firsts)
    columns = {name: cells for name, cells in rows.columns.items() if name != column}
    columns |= merged.cells
    if merged.soft is not None:
        columns[SOFT] = merged.soft
    columns["n_annotators"] = gathered.n_answers.tolist()
    return Rows(columns, rows.files, rows.file_of, rows.lines)
