"""Batch sampler for pairs: several texts of each of several labels, each text once an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from luthier.ragged import Array
from luthier.seeding import stream


class PairOrder:
    """Batches in which every text has others of its label and of other labels.

    An epoch is drawn in O(rows): each label's texts are shuffled and split into chunks, the chunks
    are shuffled and concatenated, and the result is split into batches. A step encodes each of its
    texts once and learns from all batch × (batch - 1) / 2 pairs.

    Args:
        answers: Label id of every text, (texts,).
        batch_size: Texts in a batch; the last batch of an epoch may be smaller.
        together: Texts of one label that are adjacent; at most half a batch, to leave room for
            other labels.
        seed: The run's seed.
    """

    drop_last = False

    def __init__(self, answers: Array, *, batch_size: int, together: int, seed: int):
        self.answers = np.asarray(answers)
        self.batch_size, self.seed = batch_size, seed
        self.together = max(2, min(together, batch_size // 2))
        self.epoch = 0
        self.skipped = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches are yielded next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.answers) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = stream(self.seed, "pairs", self.epoch)
        shuffled = random.permutation(len(self.answers))
        by_label = shuffled[np.argsort(self.answers[shuffled], kind="stable")]
        borders = np.flatnonzero(np.diff(self.answers[by_label])) + 1
        chunks = [
            texts[start : start + self.together]
            for texts in np.split(by_label, borders)
            for start in range(0, len(texts), self.together)
        ]
        line = np.concatenate([chunks[number] for number in random.permutation(len(chunks))])
        start, self.skipped = self.skipped, 0
        for first in range(start * self.batch_size, len(line), self.batch_size):
            yield line[first : first + self.batch_size].tolist()
