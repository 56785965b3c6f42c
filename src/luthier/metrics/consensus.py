"""One answer from the votes of several sources: people who label, or functions that do.

Votes are label ids, (items, sources), with -1 where a source gave none. Dawid and Skene's model
(1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28) gives each source a confusion matrix of its own, and each item a true label that
nobody sees; both are estimated in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luthier.ragged import Array

FEW = 5  # votes below which a source's own confusion cannot be told


@dataclass(frozen=True)
class Consensus:
    """What the votes of all sources say together.

    Args:
        probabilities: Probability of each label for each item, (items, labels).
        prior: Share of each label, (labels,).
        confusion: Probability of each vote given the true label, (sources, true, voted).
        log_likelihood: Of the votes, under the model.
        n_steps: Rounds of estimation.
        converged: Whether the likelihood had settled.
    """

    probabilities: Array
    prior: Array
    confusion: Array
    log_likelihood: float
    n_steps: int
    converged: bool

    @property
    def answers(self) -> Array:
        """The most probable label of each item, (items,); of equals the first."""
        answers: Array = self.probabilities.argmax(axis=1)
        return answers

    def worse_than_chance(self) -> Array:
        """Say which sources tell labels apart worse than a coin would, (sources,).

        A source that votes the same whatever the truth has a mean diagonal of 1 / labels.
        """
        diagonal = np.diagonal(self.confusion, axis1=1, axis2=2).mean(axis=1)
        worse: Array = diagonal < 1 / len(self.prior) - 1e-6
        return worse


def vote_shares(votes: Array, n_labels: int) -> Array:
    """Return the share of each label in the votes of each item, (items, labels).

    An item without votes gets equal shares.

    >>> vote_shares(np.array([[0, 0, 1], [-1, 1, -1]]), 2).round(2).tolist()
    [[0.67, 0.33], [0.0, 1.0]]
    """
    counts = count_votes(votes, n_labels)
    n_votes = counts.sum(axis=1, keepdims=True)
    return np.where(n_votes > 0, counts / np.maximum(n_votes, 1), 1 / n_labels)


def count_votes(votes: Array, n_labels: int) -> Array:
    """Count the votes for each label, (items, labels)."""
    return np.stack([(votes == label).sum(axis=1) for label in range(n_labels)], axis=1)


def votes_of_others(votes: Array, n_labels: int) -> Array:
    """Return for each vote the label that most other sources give its item, (items, sources).

    -1 where there is no vote, no other's vote, or the others are split.

    >>> votes_of_others(np.array([[0, 0, 1], [0, 1, -1]]), 2).tolist()
    [[-1, -1, 0], [1, 0, -1]]
    """
    counts = count_votes(votes, n_labels)
    found = np.full(votes.shape, -1, dtype=np.int64)
    for at, own in enumerate(votes.T):
        voted = np.flatnonzero(own >= 0)
        others = counts[voted]
        others[np.arange(len(voted)), own[voted]] -= 1
        top = others.max(axis=1)
        is_clear = (top > 0) & ((others == top[:, None]).sum(axis=1) == 1)
        found[voted[is_clear], at] = others[is_clear].argmax(axis=1)
    return found


def right_votes(consensus: Consensus, votes: Array) -> Array:
    """Return the probability that each vote is right, (items, sources); nan where there is none."""
    items = np.arange(len(votes))[:, None]
    chosen = consensus.probabilities[items, np.maximum(votes, 0)]
    return np.where(votes >= 0, chosen, np.nan)


def dawid_skene(
    votes: Array,
    n_labels: int,
    *,
    smoothing: float = 0.01,
    max_steps: int = 500,
    tolerance: float = 1e-7,
) -> Consensus:
    """Estimate true labels and the confusion of every source by expectation maximisation.

    It starts from the shares of the votes, so a majority of sources that are better than chance
    decides what the labels mean. Sources of fewer than five votes are taken to be like all sources
    together: alone, a single vote would say nothing of its item.

    Args:
        votes: Label ids, (items, sources); -1: absent.
        n_labels: Number of labels.
        smoothing: Added to every count of a confusion matrix, so that nothing is impossible.
        max_steps: Most rounds.
        tolerance: Gain of log-likelihood per vote below which it stops.

    Example:
        consensus = dawid_skene(votes, n_labels=3)
        print(consensus.answers, consensus.confusion[0])
    """
    item_of, source_of = np.nonzero(votes >= 0)
    vote_of = votes[item_of, source_of]
    shape = (votes.shape[1], n_labels, n_labels)  # (sources, true, voted)
    cell_of = source_of * n_labels + vote_of
    is_rare = np.bincount(source_of, minlength=shape[0]) < FEW
    probabilities = vote_shares(votes, n_labels)
    before, converged, n_steps = -np.inf, False, 0
    while n_steps < max_steps and not converged:
        n_steps += 1
        prior = probabilities.mean(axis=0)
        counts = np.empty(shape)
        for label in range(n_labels):
            each = np.bincount(cell_of, probabilities[item_of, label], shape[0] * n_labels)
            counts[:, label] = each.reshape(shape[0], n_labels)
        counts[is_rare] = counts.sum(axis=0)
        counts += smoothing
        totals = counts.sum(axis=2, keepdims=True)
        confusion = np.where(totals > 0, counts / np.maximum(totals, 1e-300), 1 / n_labels)
        joint = _joint(votes, prior, confusion)
        evidence = np.logaddexp.reduce(joint, axis=1)
        probabilities = np.exp(joint - evidence[:, None])
        likelihood = float(evidence.sum())
        penalised = likelihood + smoothing * float(_log(confusion).sum())
        converged = penalised - before < tolerance * max(1, len(item_of))
        before = penalised
    return Consensus(probabilities, prior, confusion, likelihood, n_steps, converged)


def posterior(consensus: Consensus, votes: Array) -> Array:
    """Return how probable each label is for items that the model was not estimated on.

    Args:
        consensus: The model.
        votes: Label ids, (items, sources); -1: absent.

    Returns:
        Probabilities, (items, labels).
    """
    joint = _joint(votes, consensus.prior, consensus.confusion)
    probabilities: Array = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    return probabilities


def _joint(votes: Array, prior: Array, confusion: Array) -> Array:
    """Return the log-probability of each label together with the votes, (items, labels)."""
    item_of, source_of = np.nonzero(votes >= 0)
    vote_of = votes[item_of, source_of]
    joint = np.tile(_log(prior), (len(votes), 1))
    for label in range(len(prior)):
        each = _log(confusion)[source_of, label, vote_of]
        joint[:, label] += np.bincount(item_of, each, len(votes))
    return joint


def _log(shares: Array) -> Array:
    logs: Array = np.log(np.maximum(shares, 1e-10))
    return logs
