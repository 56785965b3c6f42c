"""What is asked, how rows are chosen, and the order in which they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.seeding import seed_of

AUDIT = "audit"  # why an audit row is asked for
LARGEST = 2**63  # above all that `seed_of` gives


@dataclass(frozen=True)
class Question:
    """A row to answer.

    Args:
        id: Its name in the journal.
        texts: Its texts, by role.
        words: The characters of its words, where words are marked; else none.
        round: Number of the batch, from 1.
        why: The strategy that chose it, or `audit`.
        suggested: What the model would answer, where suggestions are asked for.
        probability: How sure the model is, likewise.
    """

    id: str
    texts: Mapping[str, str]
    words: Sequence[tuple[int, int]]
    round: int
    why: str
    suggested: Any = None
    probability: float | None = None

    @property
    def is_audit(self) -> bool:
        """Whether its answer only scores models."""
        return self.why == AUDIT


@dataclass(frozen=True)
class Plan:
    """How rows are chosen.

    Args:
        by: The strategy after the first batch.
        batch: Rows of a batch.
        audit: Share of audit rows.
        annotator: Who answers.
        suggest: Whether to show what the model would answer.
        candidates: Most rows that a strategy chooses from: that many are read by the model.
        patience: Seconds to wait for a training before rows of an older one are asked; None: any.
        seed: Of all draws.
    """

    by: str = "margin"
    batch: int = 20
    audit: float = 0.1
    annotator: str = "me"
    suggest: bool = False
    candidates: int = 3000
    patience: float | None = None
    seed: int = 0


class Draws:
    """The order in which rows are drawn, and which of them are audit rows.

    Both are fixed for each row by its name, so no strategy and no order of the file moves them.

    Args:
        ids: Names of the rows.
        share: Share of audit rows.
        seed: Seed of the draws.
    """

    def __init__(self, ids: Sequence[str], share: float, seed: int):
        places = sorted((seed_of(seed, AUDIT, one), at) for at, one in enumerate(ids))
        bound = share * LARGEST
        self.audit = [at for place, at in places if place < bound]
        self.others = [at for place, at in places if place >= bound]
