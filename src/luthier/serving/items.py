"""What is queued: one row of one request, and what becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """A request that is not answered, with the status and the words of it.

    Args:
        status: The status of HTTP.
        kind: What went wrong, in a word that programs read.
        message: The same for people.
        retry_after: Seconds after which trying again may help; None: it will not.
    """

    def __init__(self, status: int, kind: str, message: str, *, retry_after: int | None = None):
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message
        self.retry_after = retry_after


@dataclass
class Item:
    """One row that waits for its answer.

    Args:
        row: Column to cell.
        options: Options of the task's answers.
        tokens: About how many tokens it has.
        deadline: When nobody waits for it any longer, by the monotonic clock.
        answer: The answer, once it is there.
        queued: When it was queued.
    """

    row: Mapping[str, Any]
    options: Mapping[str, Any]
    tokens: int
    deadline: float
    answer: asyncio.Future[Any] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    queued: float = field(default_factory=time.monotonic)

    def fail(self, problem: RefusedError) -> None:
        """Answer with a problem, if somebody still waits."""
        if not self.answer.done():
            self.answer.set_exception(problem)
            self.answer.exception()  # looked at: a request that has gone does not
