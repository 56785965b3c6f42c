"""Conversations and instructions, in the shapes in which people keep them.

    messages       [{"role": "user", "content": …}, …, {"role": "assistant", "content": …}]
    conversations  [{"from": "human", "value": …}, {"from": "gpt", "value": …}]
    instruction, input, output                     prompt, completion (or response)

All become `messages` (what is given), `target` (the last answer) and `text` (what is given, as
text). Rows without any of these stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import DataError, ModelError
from luthier.records import Rows

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
ROLES |= {"system": "system", "bot": "assistant", "model": "assistant", "tool": "tool"}
ANSWERS = ("completion", "response", "output", "answer")
Messages = list[dict[str, str]]


def canonical(rows: Rows) -> Rows:
    """Bring conversations and instructions into one shape.

    Raises:
        DataError: A conversation is none; it says where.
    """
    columns = dict(rows.columns)
    name = next((one for one in ("messages", "conversations") if one in columns), None)
    if name == "messages" and "target" in columns and "text" in columns:
        return rows
    if name is not None:
        told = [_messages(cell, rows.where(i)) for i, cell in enumerate(columns.pop(name))]
    else:
        asks = next((one for one in ("instruction", "prompt") if one in columns), None)
        if asks is None:
            return rows
        told = _instructions(columns, asks)
    has_answers = any(one and one[-1]["role"] == "assistant" for one in told)
    if has_answers:
        for index, one in enumerate(told):
            if not one or one[-1]["role"] != "assistant":
                raise DataError(
                    f"The conversation at {rows.where(index)} does not end with an answer.",
                    received=f"its last message is of {one[-1]['role'] if one else 'nobody'}",
                    hint="end it with a message of the assistant, or drop it",
                )
        columns["target"] = [one[-1]["content"] for one in told]
        told = [one[:-1] for one in told]
    columns["messages"] = told
    columns["text"] = ["\n".join(part["content"] for part in one) for one in told]
    return Rows(columns, rows.files, rows.file_of, rows.lines)


def _instructions(columns: dict[str, Any], asks: str) -> list[Messages]:
    """Make conversations of instructions with what they are about, and their answers."""
    asked = columns.pop(asks)
    about = columns.pop("input", [None] * len(asked))
    name = next((one for one in ANSWERS if one in columns), None)
    answers = columns.pop(name) if name else [None] * len(asked)
    told = []
    for question, more, answer in zip(asked, about, answers, strict=True):
        content = f"{question}\n\n{more}" if more else str(question)
        said = [{"role": "user", "content": content}]
        if answer is not None:
            said.append({"role": "assistant", "content": str(answer)})
        told.append(said)
    return told


def _messages(cell: Any, where: str) -> Messages:
    """Read one conversation."""
    if isinstance(cell, (str, Mapping)) or not isinstance(cell, Sequence):
        raise _no_conversation(where, cell)
    said = []
    for part in cell:
        if not isinstance(part, Mapping):
            raise _no_conversation(where, part)
        role = part.get("role", part.get("from"))
        content = part.get("content", part.get("value"))
        if str(role) not in ROLES or not isinstance(content, str):
            raise _no_conversation(where, part)
        said.append({"role": ROLES[str(role)], "content": content})
    return said


def _no_conversation(where: str, received: Any) -> DataError:
    return DataError(
        f"The conversation at {where} is no list of messages.",
        received=repr(received)[:80],
        hint='[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
    )


def spell_prompt(messages: Messages, answer: str, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokenize what is given, and that with the answer after it.

    The tokenizer's chat template is used where it has one; else messages stand on lines of their
    own, and an answer ends with the tokenizer's end.

    Raises:
        ModelError: The template cannot lay this conversation out.
    """
    from jinja2 import TemplateError

    if getattr(tokenizer, "chat_template", None):
        whole = [*messages, {"role": "assistant", "content": answer}]
        try:
            given = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
            told = tokenizer.apply_chat_template(whole, tokenize=False)
        except (TemplateError, TypeError, ValueError) as problem:
            raise ModelError(
                "The chat template of the tokenizer cannot lay out a conversation.",
                received=str(problem)[:120],
                hint="roles in turn: system, user, assistant, user …",
            ) from problem
        if told.startswith(given):
            rest = told[len(given) :]
            begun = tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]
            ended = tokenizer(rest, add_special_tokens=False, verbose=False)["input_ids"]
            return begun, [*begun, *ended]
    begun = tokenizer("\n".join(part["content"] for part in messages) + "\n", verbose=False)
    ended = tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"]
    ids = begun["input_ids"]
    if ids and ids[-1] in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        ids = ids[:-1]
    end = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    return ids, [*ids, *ended, *end]
