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
from dataclasses import dataclass
from typing import Any

from luthier.serving.shapes import fields_of, invalid

FIELDS = (
    *("model", "messages", "prompt", "stream", "n", "temperature", "top_p", "user", "max_tokens"),
    *("max_completion_tokens", "seed", "stream_options"),
)


@dataclass(frozen=True)
class Written:
    """What a model wrote.

    Args:
        text: The answer alone.
        n_read: Tokens of the prompt.
        n_tokens: Tokens of the answer; None if nothing here can count them.
        is_cut: Whether it ends where it does because of its length.
    """

    text: str
    n_read: int
    n_tokens: int | None
    is_cut: bool

    @property
    def why(self) -> str:
        """Why the answer ends."""
        return "length" if self.is_cut else "stop"

    @property
    def usage(self) -> dict[str, int] | None:
        """The counts of OpenAI's API."""
        if self.n_tokens is None:
            return None
        both = {"prompt_tokens": self.n_read, "completion_tokens": self.n_tokens}
        return {**both, "total_tokens": self.n_read + self.n_tokens}


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


def is_counted(body: Mapping[str, Any]) -> bool:
    """Return whether a streamed answer ends with the counts of its tokens.

    Raises:
        RefusedError: The options of the stream are others.
    """
    asked = body.get("stream_options")
    if asked is None:
        return False
    if not isinstance(asked, dict) or not isinstance(asked.get("include_usage", False), bool):
        raise invalid("stream_options is an object; its include_usage is true or false.")
    return bool(asked.get("include_usage"))


def text_and_count(answer: Any) -> tuple[str, int]:
    """Return what was written, after the prompt in conversations, and the tokens of the prompt."""
    said = answer[0]
    text = said["generated_text"]
    return str(text[-1]["content"] if isinstance(text, list) else text), said["prompt_tokens"]


def completion(written: Written, model: str, *, is_chat: bool) -> dict[str, Any]:
    """Write a whole answer."""
    text = written.text
    said = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    choice = {"index": 0, "finish_reason": written.why, "logprobs": None, **said}
    return {**head(model, is_chat=is_chat), "choices": [choice], "usage": written.usage}


def chunks(
    written: Written, model: str, *, is_chat: bool, is_counted: bool = False
) -> Iterator[bytes]:
    """Write an answer as server-sent events; with `is_counted`, its tokens as the last of them."""
    about = head(model, is_chat=is_chat)
    about["object"] += ".chunk" if is_chat else ""
    parts: list[Mapping[str, Any]] = [
        {"delta": {"role": "assistant", "content": written.text}}
        if is_chat
        else {"text": written.text},
        {"delta": {}} if is_chat else {"text": ""},
    ]
    events: list[dict[str, Any]] = [
        {**about, "choices": [{"index": 0, "finish_reason": why, **part}]}
        for part, why in zip(parts, (None, written.why), strict=True)
    ]
    if is_counted:
        events.append({**about, "choices": [], "usage": written.usage})
    for event in events:
        yield b"data: " + json.dumps(event).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def head(model: str, *, is_chat: bool) -> dict[str, Any]:
    """Write what all answers begin with."""
    return {
        "id": f"{'chatcmpl' if is_chat else 'cmpl'}-{uuid.uuid4().hex}",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": int(time.time()),
        "model": model,
    }
