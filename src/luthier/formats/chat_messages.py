"""Converts conversations and instructions from their common formats.

    messages       [{"role": "user", "content": …}, …, {"role": "assistant", "content": …}]
    conversations  [{"from": "human", "value": …}, {"from": "gpt", "value": …}]
    instruction, input, output                     prompt, completion (or response)

All become `messages` (the prompt), `target` (the last answer) and `text` (the prompt as text). Rows
without any of these columns are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from luthier.errors import DataError, ModelError
from luthier.hf_types import Tokenizer
from luthier.records import Rows

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
ROLES |= {"system": "system", "bot": "assistant", "model": "assistant", "tool": "tool"}
ANSWERS = ("completion", "response", "output", "answer")
Messages = list[dict[str, str]]


def canonical(rows: Rows) -> Rows:
    """Convert conversations and instructions to `messages`, `target` and `text`.

    Raises:
        DataError: A cell is not a conversation.
    """
    columns = dict(rows.columns)
    name = next((one for one in ("messages", "conversations") if one in columns), None)
    if name == "messages" and "target" in columns and "text" in columns:
        return rows
    if name is not None:
        prompts = [_messages(cell, rows.where(i)) for i, cell in enumerate(columns.pop(name))]
    else:
        asks = next((one for one in ("instruction", "prompt") if one in columns), None)
        if asks is None:
            return rows
        prompts = _instructions(columns, asks)
    has_answers = any(one and one[-1]["role"] == "assistant" for one in prompts)
    if has_answers:
        for index, one in enumerate(prompts):
            if not one or one[-1]["role"] != "assistant":
                raise DataError(
                    f"The conversation at {rows.where(index)} does not end with an answer.",
                    received=f"its last message is by {one[-1]['role'] if one else 'nobody'}",
                    hint="end it with a message by the assistant, or drop the row",
                )
        columns["target"] = [one[-1]["content"] for one in prompts]
        prompts = [one[:-1] for one in prompts]
    columns["messages"] = prompts
    columns["text"] = ["\n".join(part["content"] for part in one) for one in prompts]
    return Rows(columns, rows.files, rows.file_of, rows.lines)


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


def _messages(cell: object, where: str) -> Messages:
    """Read one conversation."""
    if isinstance(cell, (str, Mapping)) or not isinstance(cell, Sequence):
        raise _no_conversation(where, cell)
    messages = []
    for part in cell:
        if not isinstance(part, Mapping):
            raise _no_conversation(where, part)
        role = part.get("role", part.get("from"))
        content = part.get("content", part.get("value"))
        if str(role) not in ROLES or not isinstance(content, str):
            raise _no_conversation(where, part)
        messages.append({"role": ROLES[str(role)], "content": content})
    return messages


def _no_conversation(where: str, received: object) -> DataError:
    return DataError(
        f"The conversation at {where} is not a list of messages.",
        received=repr(received)[:80],
        hint='[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
    )


def spell_prompt(
    messages: Messages, answer: str, tokenizer: Tokenizer
) -> tuple[list[int], list[int]]:
    """Tokenize a prompt alone, and the prompt followed by the answer.

    The tokenizer's chat template is used if it has one. Otherwise each message is a line, and the
    answer ends with the tokenizer's end-of-text token.

    Raises:
        ModelError: The chat template cannot format this conversation.
    """
    from jinja2 import TemplateError

    if getattr(tokenizer, "chat_template", None):
        whole = [*messages, {"role": "assistant", "content": answer}]
        try:
            given = str(
                tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            )
            full = str(tokenizer.apply_chat_template(whole, tokenize=False))
        except (TemplateError, TypeError, ValueError) as problem:
            raise ModelError(
                "The chat template of the tokenizer cannot format this conversation.",
                received=str(problem)[:120],
                hint="alternate the roles: system, user, assistant, user …",
            ) from problem
        if full.startswith(given):
            rest = full[len(given) :]
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
