"""A queue bounded by tokens, from which one task takes batches of rows of like length.

The oldest row is always taken; others join it if padding stays small. Nothing waits for company:
a batch is what has come while the last one was computed. A batch that fails is asked again row by
row, so that only the row at fault fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from luthier.errors import RunError
from luthier.serving.beside import DiedError, ModelBeside
from luthier.serving.items import Item, RefusedError
from luthier.serving.metrics import Metrics

PADDING = 0.2  # share of a batch that may be padding
LIVES = 2  # times that a row is asked again alone after the model died


class Batcher:
    """The queue of one model.

    Args:
        model: The model.
        metrics: Where counts go.
        max_batch_tokens: Tokens of a batch, padding included; a longer row is one of its own.
        max_queue_tokens: Tokens that may wait.
    """

    def __init__(
        self, model: ModelBeside, metrics: Metrics, *, max_batch_tokens: int, max_queue_tokens: int
    ):
        self.model, self.metrics = model, metrics
        self._most, self._room = max_batch_tokens, max_queue_tokens
        self._waiting: list[Item] = []
        self._queued_tokens = 0
        self._has_come = asyncio.Event()

    def put(self, items: Sequence[Item]) -> None:
        """Queue the rows of a request, all or none.

        Raises:
            RefusedError: They find no room.
        """
        asked = sum(item.tokens for item in items)
        if asked > self._room:
            raise RefusedError(
                413, "validation", f"{asked:,} tokens, and the queue takes {self._room:,}."
            )
        if self._queued_tokens + asked > self._room:
            raise RefusedError(429, "overloaded", "The queue is full.", retry_after=1)
        self._waiting += items
        self._count(asked)
        self._has_come.set()

    def _count(self, change: int) -> None:
        self._queued_tokens += change
        self.metrics.queue_tokens.set(self._queued_tokens)

    async def run(self) -> None:
        """Answer what is queued, until cancelled."""
        while True:
            await self._has_come.wait()
            batch = self._take()
            if not self._waiting:
                self._has_come.clear()
            if batch:
                await self._answer(batch)

    def _take(self) -> list[Item]:
        """Take the oldest row, and what goes well with it; drop rows that nobody waits for."""
        now, kept = time.monotonic(), []
        for item in self._waiting:
            if item.answer.done():
                self._count(-item.tokens)
            elif item.deadline < now:
                self._count(-item.tokens)
                item.fail(RefusedError(503, "timeout", "It waited too long.", retry_after=1))
            else:
                kept.append(item)
        if not kept:
            self._waiting = []
            return []
        batch, rest, longest = [kept[0]], [], kept[0].tokens
        total = longest
        for item in sorted(kept[1:], key=lambda one: abs(one.tokens - kept[0].tokens)):
            most = max(longest, item.tokens)
            slots = most * (len(batch) + 1)
            if slots <= self._most and slots - total - item.tokens <= PADDING * slots:
                batch.append(item)
                longest, total = most, total + item.tokens
            else:
                rest.append(item)
        self._waiting = sorted(rest, key=lambda one: one.queued)
        self._count(-total)
        return batch

    async def _answer(self, batch: Sequence[Item]) -> None:
        began = time.monotonic()
        for item in batch:
            self.metrics.queue_seconds.observe(began - item.queued)
        try:
            await self._ask(batch)
        except (RefusedError, DiedError) as problem:
            if len(batch) == 1 and isinstance(problem, RefusedError):
                batch[0].fail(problem)
                return
            for item in batch:
                await self._alone(item)

    async def _alone(self, item: Item) -> None:
        """Ask one row again, by itself."""
        for _ in range(LIVES):
            try:
                await self._ask([item])
            except RefusedError as problem:
                item.fail(problem)
            except DiedError:
                continue
            return
        item.fail(RefusedError(424, "backend", "The model's process dies of this text."))

    async def _ask(self, batch: Sequence[Item]) -> None:
        began = time.monotonic()
        try:
            answers: list[Any] = await self.model.ask(
                [item.row for item in batch], [item.options for item in batch]
            )
        except RunError as problem:  # it could not be started again
            raise RefusedError(503, "backend", problem.problem, retry_after=1) from problem
        longest = max(item.tokens for item in batch)
        self.metrics.model_seconds.observe(time.monotonic() - began)
        self.metrics.batch_rows.observe(len(batch))
        slots = longest * len(batch)
        self.metrics.padding.observe(1 - sum(item.tokens for item in batch) / max(1, slots))
        for item, answer in zip(batch, answers, strict=True):
            if not item.answer.done():
                item.answer.set_result(answer)
