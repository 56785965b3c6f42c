"""One served model: rows of a request are counted, queued, answered, and put together again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from luthier.errors import RunError
from luthier.serving import chat
from luthier.serving.batcher import Batcher
from luthier.serving.beside import DiedError, ModelBeside
from luthier.serving.content import COST
from luthier.serving.items import Item, RefusedError
from luthier.serving.limits import Limits
from luthier.serving.metrics import Metrics

MOST_UNCOUNTED = 2000  # characters whose tokens are counted without another thread
BYTES_PER_TOKEN = 2  # where there is no tokenizer.json to count with
WATCHED = 0.5  # seconds between looks at the model's process


class Service:
    """A model, its queue and its counts.

    Args:
        model: The model beside this process.
        limits: What is taken at once.
    """

    def __init__(self, model: ModelBeside, limits: Limits):
        self.model, self.limits, self.metrics = model, limits, Metrics()
        self.batcher = Batcher(
            model,
            self.metrics,
            max_batch_tokens=limits.max_batch_tokens,
            max_queue_tokens=limits.max_queue_tokens,
        )
        self._tokenizer: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def about(self) -> Mapping[str, Any]:
        """What the model's process said of it."""
        return self.model.about

    async def start(self) -> None:
        """Load the model, and begin to answer.

        Raises:
            RunError: It cannot be loaded.
        """
        try:
            await self.model.start()
        except DiedError as problem:
            raise RunError(
                "The model's process died while it was loaded.",
                hint="luthier predict RUN TEXT, which says why",
            ) from problem
        path = Path(self.about["tokenizer"]) / "tokenizer.json"
        if path.is_file():
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(path))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        self._tasks = [asyncio.create_task(one) for one in (self.batcher.run(), self._watch())]

    async def stop(self) -> None:
        """End the model's process; by now every request was answered."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.model.stop()

    async def _watch(self) -> None:
        """Start the model's process again if it died while nobody asked."""
        while True:
            await asyncio.sleep(WATCHED)
            self.metrics.starts.set(self.model.n_starts)
            if not self.model.is_ready:
                with suppress(DiedError, RunError):
                    await self.model.start()

    async def answers(
        self, rows: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, truncate: bool
    ) -> tuple[list[Any], int]:
        """Answer the rows of a request.

        Returns:
            The answers, and how many tokens were cut from the rows.

        Raises:
            RefusedError: A row cannot be answered; nothing is answered then.
        """
        if not rows:
            raise RefusedError(422, "empty", "There is nothing to answer.")
        if len(rows) > self.limits.max_items:
            raise RefusedError(
                413, "validation", f"{len(rows)} texts; a request has {self.limits.max_items}."
            )
        if not self.model.is_ready:
            raise RefusedError(503, "unhealthy", "The model is being loaded.", retry_after=2)
        counted = await self._counted(rows)
        most, n_cut = self.about["max_tokens"], 0
        for index, tokens in enumerate(counted):
            if tokens > most > 0 and not self.about["has_windows"]:
                if not truncate:
                    where = f"Text {index + 1}" if len(rows) > 1 else "The text"
                    raise RefusedError(
                        413,
                        "validation",
                        f"{where} has {tokens:,} tokens, and the model reads {most}: shorten it, "
                        'or ask with "truncate": true.',
                    )
                n_cut += tokens - most
                counted[index] = most
        deadline = time.monotonic() + self.limits.timeout
        beside = COST * len(self.about["media"])
        items = [
            Item(row, options, tokens + beside, deadline)
            for row, tokens in zip(rows, counted, strict=True)
        ]
        self.batcher.put(items)
        try:
            answers = await self._gathered(items)
        finally:
            for item in items:
                item.answer.cancel()  # what is not answered by now is asked for by nobody
        self.metrics.rows.inc(len(rows))
        self.metrics.cut_tokens.inc(n_cut)
        return answers, n_cut

    async def _gathered(self, items: Sequence[Item]) -> list[Any]:
        found = []
        for index, item in enumerate(items):
            try:
                found.append(await item.answer)
            except RefusedError as problem:
                where = f"Text {index + 1}: " if len(items) > 1 else ""
                raise RefusedError(
                    problem.status,
                    problem.kind,
                    where + problem.message,
                    retry_after=problem.retry_after,
                ) from problem
        return found

    async def explained(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        """Explain the answer to one row, when the queue has a moment.

        Raises:
            RefusedError: It cannot be explained.
        """
        try:
            found = await self.model.ask([row], [options], explain=True)
        except (DiedError, RunError) as problem:
            raise RefusedError(424, "backend", "The model's process died.") from problem
        return found[0]

    def first_tokens(self, text: str, n_read: int, most: int | None) -> chat.Written:
        """Cut what was written after so many tokens; None: after as many as the run writes.

        Args:
            text: What was written.
            n_read: Tokens of the prompt.
            most: Tokens that are wanted.

        Raises:
            RefusedError: There is no tokenizer to count with.
        """
        own = self.about["max_new_tokens"] or 0
        if self._tokenizer is None:
            if most is None or most >= own:
                return chat.Written(text, n_read, None, is_cut=False)
            raise RefusedError(
                422, "validation", f"max_tokens is {own}: this model's tokenizer cuts no text."
            )
        ends = [end for _, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]
        if most is None or len(ends) <= most:
            return chat.Written(text, n_read, len(ends), is_cut=len(ends) >= own)
        return chat.Written(text[: ends[most - 1]], n_read, most, is_cut=True)

    async def _counted(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Count the tokens of each row; of several inputs, those of the longest text."""
        read = [[c for role, c in row.items() if role not in self.about["media"]] for row in rows]
        if not self.about["is_joint"]:
            read = [[text_of(cells)] for cells in read]
        texts = [text_of([cell]) for cells in read for cell in cells]
        if sum(map(len, texts)) <= MOST_UNCOUNTED:
            counted = iter(self._count(texts))
        else:
            counted = iter(await asyncio.to_thread(self._count, texts))
        return [max((next(counted) for _ in cells), default=0) for cells in read]

    def _count(self, texts: Sequence[str]) -> list[int]:
        if self._tokenizer is None:
            return [len(text.encode()) // BYTES_PER_TOKEN + 1 for text in texts]
        return [len(one.ids) for one in self._tokenizer.encode_batch(list(texts))]


def text_of(cells: Sequence[Any]) -> str:
    """Join what a row has to read; lists and conversations as JSON."""
    return " ".join(cell if isinstance(cell, str) else json.dumps(cell) for cell in cells)
