"""Gives rows without labels those that functions vote for, and says how the functions do.

    rows without labels ─► votes ─► merged ─► training rows with the probability of each label
    rows with labels    ─► votes ─► how often each function, and all together, are right

Next: `load_splits.py`, which adds the rows to the training rows.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from luthier.columns import SOFT, VOTED
from luthier.data.join_rows import joined
from luthier.data.labels import label_name
from luthier.errors import DataError
from luthier.metrics.consensus import votes_of_others
from luthier.metrics.intervals import exact_interval
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits, StepInfo
from luthier.results import Score
from luthier.weak_labels.merge import learn_merger, tied
from luthier.weak_labels.votes import votes_on

CONFIDENCE = 0.95


@dataclass(frozen=True)
class FunctionVotes:
    """What one function does.

    Args:
        name: The function.
        labels: The labels that it votes for.
        n_votes: Number of its votes on rows without labels.
        coverage: Share of these rows that it votes on.
        overlap: Share that it and another function vote on.
        conflict: Share that another function gives another label.
        estimated: How often it agrees with most other functions, on rows without labels; None where
            they never vote on the same row.
        measured: How often it is right on rows with labels, those of the test set aside; None where
            it votes on none.
    """

    name: str
    labels: tuple[str, ...]
    n_votes: int
    coverage: float
    overlap: float
    conflict: float
    estimated: Score | None
    measured: Score | None


@dataclass(frozen=True)
class WeakLabels:
    """What labelling functions made of rows without labels.

    Args:
        functions: The functions, in the recipe's order.
        how: How votes are merged, in words.
        n_rows: Number of rows without labels.
        n_voted: Those that became training rows.
        n_tied: Those that did not since two labels are equally likely.
        merged: How often the merged label is right on rows with labels whose votes are not even,
            those of the test set aside; None where there are none.
    """

    functions: tuple[FunctionVotes, ...]
    how: str
    n_rows: int
    n_voted: int
    n_tied: int
    merged: Score | None


def label_rows(
    splits: Splits, unlabelled: Rows, labelled: Rows, recipe: Recipe, task: Task
) -> Generator[StepInfo, None, tuple[Splits, WeakLabels]]:
    """Add rows that functions vote on to the training rows, and merged votes to all rows.

    Args:
        splits: Rows with labels.
        unlabelled: Rows without, of which those that no function votes on are left out.
        labelled: All rows with labels, whose labels there are.
        recipe: Its data section has the functions.
        task: Its task.

    Raises:
        DataError: A file cannot be read, or no function votes on any row.
        RecipeError: A function votes for a label that no row has.
    """
    functions, role = recipe.data.weak or (), str(task.answer_role)
    labels = sorted({label_name(cell) for cell in labelled[role]})
    parts = {"weak": unlabelled, **dict(splits.items())}
    everything = joined(list(parts.values()))
    inputs = task.input_roles
    voted = yield from votes_on(everything, functions, inputs, labels, recipe.training)
    ends = np.cumsum([len(one) for one in parts.values()])[:-1]
    votes = dict(zip(parts, np.split(voted, ends), strict=True))
    merger = learn_merger(votes["weak"], len(labels))
    shares = {name: merger.shares(one) for name, one in votes.items()}
    has_vote = (votes["weak"] >= 0).any(axis=1)
    is_tied = has_vote & tied(shares["weak"])
    if not (has_vote & ~is_tied).any():
        raise DataError(
            "No labelling function votes on any row.",
            received=f"{len(functions)} functions, {len(unlabelled):,} rows without labels, such "
            f"as {str(unlabelled[inputs[0]][0])[:60]!r}",
            hint="words that occur in the rows; contains looks for whole words",
        )
    made = {name: _with_votes(parts[name], votes[name], shares[name], labels) for name in parts}
    weak = made["weak"].take(np.flatnonzero(has_vote & ~is_tied))
    weak = replace(weak, columns={**weak.columns, SOFT: weak[VOTED], role: _likeliest(weak)})
    train = joined([made["train"], weak]) if len(splits.train) else weak
    how = f"{len(weak):,} rows that functions labelled"
    how = f"{splits.made['train']}; and {how}" if len(splits.train) else how
    known = [name for name in ("train", "validation") if len(parts[name])]
    gold = [label_name(cell) for name in known for cell in parts[name][role]]
    ids = np.array([labels.index(name) for name in gold], dtype=np.int64)
    seen = np.concatenate([votes[name] for name in known] or [voted[:0]])
    said = np.concatenate([shares[name] for name in known] or [voted[:0]])
    is_seen = (seen >= 0).any(axis=1) & ~tied(said)
    is_right = said[is_seen].argmax(axis=1) == ids[is_seen] if is_seen.any() else np.zeros(0)
    found = WeakLabels(
        _functions(votes["weak"], seen, ids, [one.called for one in functions], labels),
        merger.how,
        len(unlabelled),
        len(weak),
        int(is_tied.sum()),
        _score(is_right),
    )
    kept = {"validation": made["validation"], "test": made["test"]}
    return Splits(train, **kept, made={**splits.made, "train": how}), found


def _with_votes(rows: Rows, votes: Array, shares: Array, labels: Sequence[str]) -> Rows:
    """Write the probability of each label beside rows; nothing where no function votes."""
    cells: list[dict[str, float]] = [{} for _ in range(len(rows))]
    for row in np.flatnonzero((votes >= 0).any(axis=1)):
        named = zip(labels, shares[row].tolist(), strict=True)
        cells[row] = {name: round(p, 4) for name, p in named if p >= 5e-5}
    return replace(rows, columns={**rows.columns, VOTED: cells})


def _likeliest(rows: Rows) -> list[str]:
    return [max(one, key=lambda name: one[name]) for one in rows[VOTED]]


def _functions(
    votes: Array, seen: Array, gold: Array, names: Sequence[str], labels: Sequence[str]
) -> tuple[FunctionVotes, ...]:
    """Describe each function by its votes on rows without labels, and on rows with labels."""
    n_rows, n_votes = len(votes), (votes >= 0).sum(axis=1)
    of_others = votes_of_others(votes, len(labels))
    made = []
    for at, name in enumerate(names):
        column, others = votes[:, at], np.delete(votes, at, axis=1)
        is_there = column >= 0
        differs = ((others >= 0) & (others != column[:, None])).any(axis=1)
        is_judged = seen[:, at] >= 0
        made.append(
            FunctionVotes(
                name,
                tuple(labels[one] for one in np.unique(column[is_there])),
                int(is_there.sum()),
                float(is_there.sum() / n_rows),
                float((is_there & (n_votes > 1)).sum() / n_rows),
                float((is_there & differs).sum() / n_rows),
                _score((of_others[:, at] == column)[of_others[:, at] >= 0]),
                _score(seen[is_judged, at] == gold[is_judged]),
            )
        )
    return tuple(made)


def _score(is_right: Array) -> Score | None:
    if len(is_right) == 0:
        return None
    share = float(is_right.mean())
    return Score(share, *exact_interval(share, len(is_right), confidence=CONFIDENCE), len(is_right))
