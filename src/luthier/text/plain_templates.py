"""Chat templates rendered without Transformers, as `render_jinja_template` of Transformers does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from luthier.text.chat_templates import BoundedEnvironment, budgeted, compiled

REASONING = ("reasoning_content", "thinking", "reasoning")  # names of the same field


class Generation(Extension):
    """The tag `generation`, which marks what a model wrote; what is in it is rendered as it is."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as a variable of the instance

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class PlainNamespace(Namespace):
    """A namespace whose names do not begin with an underscore: those are Python's own."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(f"no attribute of a namespace is called {name!r}")
        super().__setitem__(name, value)


def rendered(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    for_answer: bool,
    special_tokens: Mapping[str, str],
) -> str:
    """Render a conversation.

    Args:
        template: The source of the template.
        messages: The messages, of plain JSON.
        for_answer: Whether the beginning of an answer is added.
        special_tokens: `bos_token` and others, which templates name.

    Raises:
        jinja2.TemplateError: The template refuses the conversation, or takes too much time.
    """
    with budgeted():
        return _compiled(template).render(
            messages=[_with_reasoning(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=for_answer,
            **special_tokens,
        )


def _with_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    found = next((message[name] for name in REASONING if message.get(name) is not None), None)
    if found is None:
        return dict(message)
    return {"thinking": found, **message, "reasoning_content": found}


@lru_cache(maxsize=16)
def _compiled(template: str) -> Template:
    return compiled(_environment(), template)


@cache
def _environment() -> BoundedEnvironment:
    plain = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    plain.filters["tojson"] = _to_json
    plain.globals["raise_exception"] = _refuse
    plain.globals["strftime_now"] = _now
    plain.globals["namespace"] = PlainNamespace
    return BoundedEnvironment.like(plain)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)
