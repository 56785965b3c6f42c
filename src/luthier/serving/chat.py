"""Routes of OpenAI's API for models that go on writing: conversations and plain texts.

A run writes by its own settings: the most probable tokens, up to its `max_new_tokens`. What a
request asks of that in another way is refused, not ignored; with `max_tokens`, as many tokens of
the answer are given.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from luthier.serving.shapes import fields_of, invalid

FIELDS = (
    *("model", "messages", "prompt", "stream", "n", "temperature", "top_p", "user", "max_tokens"),
    *("max_completion_tokens", "seed", "stream_options"),
)


def row_of(body: Any) -> dict[str, Any]:
    """Read what is to be continued.

    Raises:
        RefusedError: A field is unknown, or asks for what a run does not do.
    """
    asked = fields_of(body, FIELDS)
    if asked.get("n") not in (None, 1):
        raise invalid("n is 1: a run writes one answer.")
    most_tokens(asked)
    if asked.get("temperature") not in (None, 0, 0.0) or asked.get("top_p") not in (None, 1, 1.0):
        raise invalid("temperature is 0 and top_p 1: a run writes the most probable tokens.")
    if "messages" in asked:
        messages = asked["messages"]
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            raise invalid("messages is a list of objects with role and content.")
        return {"messages": messages}
    if not isinstance(asked.get("prompt"), str):
        raise invalid("prompt is a text.")
    return {"text": asked["prompt"]}


def most_tokens(asked: Mapping[str, Any]) -> int | None:
    """Return how many tokens may be written, or None: as many as the run writes.

    Raises:
        RefusedError: It is no number of tokens.
    """
    for name in ("max_completion_tokens", "max_tokens"):  # the second is the older name
        most = asked.get(name)
        if most is not None:
            if not isinstance(most, int) or isinstance(most, bool) or most < 1:
                raise invalid(f"{name} is a whole number from 1.")
            return most
    return None


def written(answer: Any) -> str:
    """Return what was written after the prompt."""
    text = (answer[0] if isinstance(answer, list) else answer)["generated_text"]
    return str(text[-1]["content"]) if isinstance(text, list) else str(text)


def completion(text: str, model: str, *, is_chat: bool, is_cut: bool) -> dict[str, Any]:
    """Write a whole answer."""
    said = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    choice = {"index": 0, "finish_reason": reason(is_cut), "logprobs": None, **said}
    return {**head(model, is_chat=is_chat), "choices": [choice]}


def reason(is_cut: bool) -> str:
    """Say why the answer ends where it does."""
    return "length" if is_cut else "stop"


def chunks(text: str, model: str, *, is_chat: bool, is_cut: bool) -> Iterator[bytes]:
    """Write an answer as server-sent events."""
    about = head(model, is_chat=is_chat)
    about["object"] += ".chunk" if is_chat else ""
    parts: list[Mapping[str, Any]] = [
        {"delta": {"role": "assistant", "content": text}} if is_chat else {"text": text},
        {"delta": {}} if is_chat else {"text": ""},
    ]
    for part, why in zip(parts, (None, reason(is_cut)), strict=True):
        choice = {"index": 0, "finish_reason": why, **part}
        yield b"data: " + json.dumps({**about, "choices": [choice]}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def head(model: str, *, is_chat: bool) -> dict[str, Any]:
    """Write what all answers begin with."""
    return {
        "id": f"{'chatcmpl' if is_chat else 'cmpl'}-{uuid.uuid4().hex}",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": int(time.time()),
        "model": model,
    }
