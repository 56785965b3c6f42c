"""Tokenizes conversations: the prompt, and the prompt followed by its answer.

A prompt has the same ids whether it is learned, scored or answered.
"""

from __future__ import annotations

from luthier.errors import ModelError
from luthier.formats.chat_messages import Messages, spell
from luthier.hf_types import Tokenizer


def spell_prompt(
    messages: Messages, answer: str | None, tokenizer: Tokenizer
) -> tuple[list[int], list[int]]:
    """Tokenize a prompt alone, and the prompt followed by the answer.

    The tokenizer's chat template is used if it has one. Otherwise each message is a line, and the
    answer ends with the tokenizer's end-of-text token.

    Args:
        messages: The prompt.
        answer: What is learned; None if the model is to write it.
        tokenizer: The model's tokenizer.

    Raises:
        ModelError: The chat template cannot format this conversation.
    """
    if getattr(tokenizer, "chat_template", None):
        given = _format(messages, tokenizer, for_answer=True)
        begun = _ids(given, tokenizer)
        if answer is None:
            return begun, begun
        whole = _format([*messages, {"role": "assistant", "content": answer}], tokenizer)
        # some templates end a prompt otherwise than they begin an answer, with thoughts, say
        rest = whole[len(given) :] if whole.startswith(given) else None
        ended = _ids(answer, tokenizer) + _end(tokenizer) if rest is None else _ids(rest, tokenizer)
        return begun, [*begun, *ended]
    begun = tokenizer("\n".join(map(spell, messages)) + "\n", verbose=False)["input_ids"]
    if begun and begun[-1] in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        begun = begun[:-1]
    if answer is None:
        return begun, begun
    return begun, [*begun, *_ids(answer, tokenizer), *_end(tokenizer)]


def _ids(text: str, tokenizer: Tokenizer) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _end(tokenizer: Tokenizer) -> list[int]:
    return [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []


def _format(messages: Messages, tokenizer: Tokenizer, *, for_answer: bool = False) -> str:
    from luthier.text.chat_templates import MISTAKES, TemplateLimitError, bounded
    from luthier.text.plain_templates import rendered

    try:
        if not hasattr(tokenizer, "apply_chat_template"):  # of an export, without Transformers
            return rendered(
                str(tokenizer.chat_template),
                messages,
                for_answer=for_answer,
                special_tokens=tokenizer.special_tokens,
            )
        with bounded():
            return str(
                tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=for_answer
                )
            )
    except TemplateLimitError as problem:
        raise ModelError(
            "The chat template of the tokenizer takes more than any conversation needs.",
            received=str(problem),
            hint="correct chat_template.jinja (or chat_template in tokenizer_config.json), or copy "
            "the model again",
        ) from problem
    except MISTAKES as problem:
        raise ModelError(
            "The chat template of the tokenizer cannot format this conversation.",
            received=str(problem)[:120] or type(problem).__name__,
            hint="alternate the roles: system, user, assistant, user …; or correct the template",
        ) from problem
