"""The training rows that a model sees as most similar to a row: the cheapest reason for an answer.

Similarity is the cosine between the means of the trained model's last states. A pooler and hidden
layers of the head come after these: they keep little but the answer, and place all rows of one
answer close together. That a row is near does not say that it made the model answer so:
`influence.py` estimates that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.explaining.training_rows import TrainingRows
from luthier.explanation import Decision
from luthier.ragged import Array


@dataclass(frozen=True)
class Neighbour:
    """A training row that is similar to the explained one.

    Args:
        index: The training row.
        similarity: Cosine, -1 to 1.
        agrees: Whether its answer has what was answered; None for numbers.
        vote: Its share of the votes, where the model predicts by them.
    """

    index: int
    similarity: float
    agrees: bool | None
    vote: float | None = None

    def to_json(self, training: TrainingRows) -> dict[str, Any]:
        """Describe it as JSON, with the row's place, texts and answer."""
        made = training.describe(self.index) | {"similarity": self.similarity}
        made |= {"agrees": self.agrees}
        return made if self.vote is None else made | {"vote": self.vote}


def nearest(
    training: TrainingRows, vector: Array, n: int, *, decision: Decision, answer: Any
) -> list[Neighbour]:
    """List the training rows nearest to a row, the nearest first.

    Of a training row with several windows, the nearest counts.

    Args:
        training: The training rows.
        vector: The row's vector, (width,).
        n: How many to list; fewer if there are fewer.
        decision: What is explained.
        answer: The row's predicted answer.
    """
    alike = similarities(training.traced.vectors, vector)
    of_rows = np.full(len(training.rows), -np.inf)
    np.maximum.at(of_rows, training.items.rows, alike)
    chosen = np.argsort(-of_rows, kind="stable")[:n]
    votes = votes_of(training, alike)
    return [
        Neighbour(
            int(row),
            float(of_rows[row]),
            agrees(training.codec, training.gold[row], answer, decision),
            None if votes is None else float(votes[row]),
        )
        for row in chosen
    ]


def similarities(vectors: Array, vector: Array) -> Array:
    """Return the cosines between vectors (items, width) and one (width,), (items,)."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
    return np.asarray(np.clip(vectors @ vector / np.maximum(lengths, 1e-12), -1.0, 1.0))


def votes_of(training: TrainingRows, alike: Array) -> Array | None:
    """Return each row's share of the votes, (rows,); None if the model does not predict by votes.

    Args:
        training: The training rows.
        alike: Cosines of their items, (items,).
    """
    layer: Any = training.head.lookup
    if layer is None:
        return None
    voting = np.argsort(-alike, kind="stable")[: layer.k]
    weights = np.exp((alike[voting] - alike[voting].max()) / layer.temperature)
    votes = np.zeros(len(training.rows))
    np.add.at(votes, training.items.rows[voting], weights / weights.sum())
    return votes


def agrees(codec: Codec, gold: Any, answer: Any, decision: Decision) -> bool | None:
    """Say whether a row's answer has what was answered; None for numbers.

    Of several labels, the one that is explained counts.
    """
    if decision.is_number:
        return None
    if codec.target.kind == "multi-label":
        label = decision.choices[0].outputs[0]
        return bool(gold[label]) == bool(answer[label])
    return int(gold) == int(answer)
