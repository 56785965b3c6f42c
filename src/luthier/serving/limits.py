"""How much a server takes at once; the command line reads them before it loads what serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a server takes at once.

    Args:
        max_items: Rows of a request.
        max_batch_tokens: Tokens of a batch, padding included.
        max_queue_tokens: Tokens that may wait.
        timeout: Seconds that a request may wait for its answers.
    """

    max_items: int = 64
    max_batch_tokens: int = 4096
    max_queue_tokens: int = 65_536
    timeout: float = 60.0
