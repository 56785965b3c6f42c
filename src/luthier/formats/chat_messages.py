"""Converts conversations and instructions from their common formats.

    messages       [{"role": "user", "content": …}, …, {"role": "assistant", "content": …}]
    conversations  [{"from": "human", "value": …}, {"from": "gpt", "value": …}]
    instruction, input, output                     prompt, completion (or response)

All become `messages` (the prompt), `target` (the last answer, None where there is none) and `text`
(the prompt as text). Rows without any of these columns are left as they are. Next:
`chat_prompts.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError
from luthier.records import Rows
from luthier.results import Finding

ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model", "ai"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
}
ANSWERS = ("completion", "response", "output", "answer")
INSTRUCTIONS = ("instruction", "prompt")
CONVERSATIONS = ("messages", "conversations")
KEPT = ("tool_calls", "tool_call_id", "name")  # of a message, for templates that know them
Messages = list[dict[str, Any]]


def canonical(rows: Rows) -> tuple[Rows, list[Finding]]:
    """Convert conversations and instructions to `messages`, `target` and `text`.

    Returns:
        The rows, and what of them is not read: parts of messages that are not text.

    Raises:
        DataError: A cell is not a conversation.
    """
    columns = dict(rows.columns)
    name = next((one for one in CONVERSATIONS if one in columns), None)
    if name == "messages" and "target" in columns and "text" in columns:
        return rows, []
    unread: Counter[str] = Counter()
    if name is not None:
        cells = columns.pop(name)
        asked = [read_messages(cell, rows.where(i), unread) for i, cell in enumerate(cells)]
    else:
        asks = next((one for one in INSTRUCTIONS if one in columns), None)
        if asks is None:
            return rows, []
        asked = _instructions(columns, asks)
    columns["messages"] = [one[:-1] if _is_answered(one) else one for one in asked]
    columns["target"] = [one[-1]["content"] if _is_answered(one) else None for one in asked]
    columns["text"] = ["\n".join(map(spell, one)) for one in columns["messages"]]
    return Rows(columns, rows.files, rows.file_of, rows.lines), _not_read(unread)


def _is_answered(messages: Messages) -> bool:
    """Say whether the last message is an answer in words, which can be learned."""
    last = messages[-1] if messages else {}
    return last.get("role") == "assistant" and bool(last["content"]) and "tool_calls" not in last


def spell(message: Mapping[str, Any]) -> str:
    """Write a message as text: its content, then its calls of tools as JSON."""
    calls = message.get("tool_calls")
    words = [message["content"], json.dumps(calls, ensure_ascii=False) if calls else ""]
    return "\n".join(word for word in words if word)


def _instructions(columns: dict[str, Sequence[object]], asks: str) -> list[Messages]:
    """Turn instructions, their inputs and their answers into conversations."""
    asked = columns.pop(asks)
    about = columns.pop("input", [None] * len(asked))
    name = next((one for one in ANSWERS if one in columns), None)
    answers = columns.pop(name) if name else [None] * len(asked)
    conversations = []
    for question, more, answer in zip(asked, about, answers, strict=True):
        content = f"{question}\n\n{more}" if more else str(question)
        messages = [{"role": "user", "content": content}]
        if answer is not None:
            messages.append({"role": "assistant", "content": str(answer)})
        conversations.append(messages)
    return conversations


def read_messages(cell: object, where: str, unread: Counter[str]) -> Messages:
    """Read one conversation, which may be written as JSON; count parts that are not text.

    Raises:
        DataError: It is not a list of messages.
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as problem:
            raise _no_conversation(where, cell) from problem
    if isinstance(cell, (str, Mapping)) or not isinstance(cell, Sequence):
        raise _no_conversation(where, cell)
    return [_message(part, where, unread) for part in cell]


def _message(part: object, where: str, unread: Counter[str]) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise _no_conversation(where, part)
    role = ROLES.get(str(part.get("role", part.get("from"))).lower())
    content = part.get("content", part.get("value"))
    more = {name: part[name] for name in KEPT if part.get(name)}
    if role is None or (content is None and not {"content", "value", *more} & set(part)):
        raise _no_conversation(where, part)
    if "tool_calls" in more:
        more["tool_calls"] = _with_arguments(more["tool_calls"])
    return {"role": role, "content": _text(content, part, where, unread), **more}


def _text(content: object, part: object, where: str, unread: Counter[str]) -> str:
    """Join the parts of a content that are text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise _no_conversation(where, part)
    texts = []
    for one in content:
        if isinstance(one, str):
            texts.append(one)
        elif isinstance(one, Mapping) and isinstance(one.get("text"), str):
            texts.append(one["text"])
        elif isinstance(one, Mapping):
            unread[str(one.get("type", "unknown"))] += 1
        else:
            raise _no_conversation(where, part)
    return "\n".join(texts)


def _with_arguments(calls: Any) -> Any:
    """Read the arguments of calls that are written as JSON: templates write them themselves."""
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        return calls
    read = []
    for call in calls:
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("arguments"), str):
            try:
                arguments = json.loads(function["arguments"])
            except (ValueError, RecursionError):
                arguments = function["arguments"]
            call = {**call, "function": {**function, "arguments": arguments}}
        read.append(call)
    return read


def _not_read(unread: Mapping[str, int]) -> list[Finding]:
    if not unread:
        return []
    kinds = ", ".join(f"{n} of type {kind}" for kind, n in sorted(unread.items()))
    n_parts = sum(unread.values())
    message = f"{n_parts} parts of messages are not text, and are not read: {kinds}."
    fix = "check that the answers can be given from the text alone, or drop these rows"
    return [Finding("parts-not-read", "warning", message, n_parts, (), fix)]


def _no_conversation(where: str, received: object) -> DataError:
    return DataError(
        f"The conversation at {where} is not a list of messages.",
        received=repr(received)[:80],
        hint='[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
    )
