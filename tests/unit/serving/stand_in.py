"""A model that answers at once, in place of the process beside a server."""

import asyncio
import contextlib

from luthier.serving.beside import DiedError
from luthier.serving.items import RefusedError

ABOUT = {
    "task": "text-classification",
    "hub_task": "text-classification",
    "roles": ["text"],
    "media": [],
    "is_joint": False,
    "labels": ["good", "bad"],
    "max_tokens": 20,
    "max_new_tokens": 8,
    "has_windows": False,
    "options": ["top_k"],
    "backend": "onnx",
    "tokenizer": "nowhere",
    "process": 1,
}


class Model:
    """Answers a row by its own words; a row that says so is poisoned, or kills the process."""

    def __init__(self, **about):
        self.about, self.is_ready, self.n_starts = {**ABOUT, **about}, True, 1
        self.batches, self.slow = [], 0.0

    async def start(self):
        self.is_ready = True

    async def stop(self):
        self.is_ready = False

    async def ask(self, rows, options, *, explain=False):
        self.batches.append([row.get("text", "") for row in rows])
        await asyncio.sleep(self.slow)
        if any("kills" in row.get("text", "") for row in rows):
            raise DiedError
        if any("poison" in row.get("text", "") for row in rows):
            raise RefusedError(422, "validation", "This is poison.")
        if explain:
            return [
                {"words": row["text"].split(), **how}
                for row, how in zip(rows, options, strict=True)
            ]
        return [self.answer(row, **how) for row, how in zip(rows, options, strict=True)]

    def answer(self, row, top_k=None, count_tokens=False):
        if self.about["task"] == "causal-lm":
            counted = {"prompt_tokens": 5} if count_tokens else {}
            if "messages" in row:
                answered = {"role": "assistant", "content": "and so on"}
                return [{"generated_text": [*row["messages"], answered], **counted}]
            return [{"generated_text": row["text"] + " and so on", **counted}]
        scores = [{"label": "good", "score": 0.75}, {"label": row["text"][:9], "score": 0.25}]
        return scores[:top_k]


@contextlib.asynccontextmanager
async def running(batcher):
    """Let a queue be answered meanwhile."""
    task = asyncio.create_task(batcher.run())
    try:
        yield batcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
