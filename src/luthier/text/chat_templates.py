"""Bounds the time and memory of a chat template, which comes with a model and may loop for ever.

Jinja's sandbox keeps a template from reaching out, not from nested loops or from strings of
gigabytes. Here every loop, macro and output of a template first asks a budget, and so does every
operation that can make much of little. That needs no signal, process or thread, so it works on
every system and in any thread. Templates are compiled and rendered by Transformers or, where that
is not installed, by `plain_templates.py`.

Not bounded: a single call within Jinja whose arguments are small but whose work is not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from threading import Lock
from typing import Any, cast

from jinja2 import Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

SECONDS = 4.0  # of computing; ordinary templates take a thousandth
LONGEST = 10_000_000  # characters of a text, or items of a list
MOST_CHARACTERS = 200_000_000  # in all texts that are made
LONGEST_TEMPLATE = 1_000_000  # characters; the longest published have some ten thousand
MOST_DIGITS = 5  # of numbers that say how long something shall be
WIDENING = frozenset(  # functions whose numbers say how long something shall be
    (
        *("center", "ljust", "rjust", "zfill", "expandtabs", "indent", "tojson", "batch", "slice"),
        *("wordwrap", "truncate"),
    )
)
MISTAKES = (  # what a template can end in
    *(TemplateError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError),
    *(RecursionError, MemoryError, SyntaxError),
)
_WIDE = re.compile(rf"[%:.{{][^%}}\s]*?\d{{{MOST_DIGITS + 1},}}|%[^%a-zA-Z]*\*")


class TemplateLimitError(TemplateError):
    """A template that takes more time or memory than any conversation needs."""


@dataclass
class Budget:
    """What a rendering may still use. Time is that of this thread, so a busy machine costs none."""

    until: float = field(default_factory=lambda: time.thread_time() + SECONDS)
    characters: int = MOST_CHARACTERS

    def tick(self) -> bool:
        """Take part in every turn of a loop; always true."""
        if time.thread_time() > self.until:
            raise TemplateLimitError(f"it computes for more than {SECONDS:g} seconds")
        return True

    def hold(self, made: Any) -> Any:
        """Count a value that was made, and return it."""
        if isinstance(made, (str, list, tuple, bytes)):
            self.refuse(len(made))
            self.characters -= len(made)
            if self.characters < 0:
                raise TemplateLimitError(f"it makes more than {MOST_CHARACTERS:,} characters")
        return made

    def refuse(self, size: int) -> None:
        """Refuse a value of this size before it is made."""
        if size > LONGEST:
            raise TemplateLimitError(f"it makes a text or list of more than {LONGEST:,}")


_LOCK = Lock()
_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict, bytes)) else 1


def _refuse_growth(budget: Budget, name: str, values: Sequence[Any]) -> None:
    """Refuse arguments of a function that may make a text much longer than they are."""
    sizes = [
        abs(one) if isinstance(one, int) and name in WIDENING else _length(one) for one in values
    ]
    largest = sorted(sizes)[-2:]
    budget.refuse(largest[0] * largest[-1] // 10 if len(largest) > 1 else 0)
    if any(isinstance(one, str) and _WIDE.search(one) for one in values) and "format" in name:
        raise TemplateLimitError("it formats something to a width of many digits")


class _Ask(NodeTransformer):
    """Puts the budget's questions into a template: in loops, macros, outputs and joined texts."""

    def visit(self, node: nodes.Node, *more: Any, **named: Any) -> nodes.Node:
        """Return what stands in a node's place."""
        node = self.generic_visit(node)
        tick = _call("tick", [], node)
        match node:
            case nodes.For(test=test) if test is not None:
                node.test = nodes.And(tick, test, lineno=node.lineno)
            case nodes.Output():
                node.nodes = [_call("hold", [_expression(one)], node) for one in node.nodes]
            case nodes.Concat():
                return _call("join_texts", node.nodes, node)
        if isinstance(node, (nodes.For, nodes.Macro, nodes.CallBlock)):
            node.body.insert(0, nodes.ExprStmt(tick, lineno=node.lineno))
        return node


def _expression(part: nodes.Expr) -> nodes.Expr:
    if isinstance(part, nodes.TemplateData):
        return nodes.Const(part.data, lineno=part.lineno)
    return part


def _call(name: str, arguments: list[Any], near: nodes.Node) -> nodes.Call:
    function = nodes.EnvironmentAttribute(name, lineno=near.lineno)
    return nodes.Call(function, arguments, [], None, None, lineno=near.lineno)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox of Transformers, whose templates ask the budget of the rendering they are in."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    @classmethod
    def like(cls, other: ImmutableSandboxedEnvironment) -> BoundedEnvironment:
        """Make one with the filters, functions and extensions of another."""
        made = cls(
            trim_blocks=other.trim_blocks,
            lstrip_blocks=other.lstrip_blocks,
            extensions=[type(one) for one in other.extensions.values()],
        )
        made.filters = {name: _asking(one) for name, one in other.filters.items()}
        made.tests = other.tests
        made.globals = {name: one for name, one in other.globals.items() if name != "lipsum"}
        return made

    def _generate(self, source: nodes.Template, *more: Any, **named: Any) -> str:
        asking = cast(nodes.Template, _Ask().visit(source))
        return super()._generate(asking, *more, **named)

    def tick(self) -> bool:
        """Ask the budget for another turn of a loop."""
        budget = _BUDGET.get()
        return True if budget is None else budget.tick()

    def hold(self, made: Any) -> Any:
        """Ask the budget for a value that was made."""
        budget = _BUDGET.get()
        return made if budget is None else budget.hold(made)

    def join_texts(self, *parts: Any) -> str:
        """Join parts to a text, as the operator `~` does."""
        if (budget := _BUDGET.get()) is not None:
            budget.refuse(sum(map(_length, parts)))
        return str(self.hold("".join(map(str, parts))))

    def call(self, context: Any, function: Any, /, *given: Any, **named: Any) -> Any:
        """Call a function of the template, and hold what it returns."""
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps str.format
        budget, own = _BUDGET.get(), getattr(method, "__self__", None)
        if budget is None or own is self:
            return super().call(context, function, *given, **named)
        budget.tick()
        if isinstance(own, (str, list, tuple, dict)):
            _refuse_growth(budget, method.__name__, [own, *given, *named.values()])
        return budget.hold(super().call(context, function, *given, **named))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute what can make much of little, unless it is too much."""
        if (budget := _BUDGET.get()) is None:
            return super().call_binop(context, operator, left, right)
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "%" and isinstance(left, str):
            _refuse_growth(budget, "format", [left])
        elif numbers and operator in ("*", "**"):
            bits = [int(one).bit_length() for one in (left, right) if isinstance(one, int)]
            grown = bits[0] * int(right) if operator == "**" and len(bits) == 2 else sum(bits)
            budget.refuse(grown * 1000)  # digits take far longer to write than to compute
        elif operator == "*":
            repeated, times = (right, left) if isinstance(left, int) else (left, right)
            budget.refuse(_length(repeated) * (abs(times) if isinstance(times, int) else 1))
        return budget.hold(super().call_binop(context, operator, left, right))


def _asking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter so that it asks the budget; what it is given in a pipe may be any number."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0
    name = function.__name__.removeprefix("do_")

    @wraps(function)
    def ask(*given: Any, **named: Any) -> Any:
        if (budget := _BUDGET.get()) is None:
            return function(*given, **named)
        budget.tick()
        piped = [one for one in given[first : first + 1] if not isinstance(one, int)]
        _refuse_growth(budget, name, [*piped, *given[first + 1 :], *named.values()])
        return budget.hold(function(*given, **named))

    return ask


def compiled(environment: BoundedEnvironment, source: str) -> Template:
    """Compile a template.

    Raises:
        jinja2.TemplateError: It is too long, or no template.
    """
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateLimitError(f"it has more than {LONGEST_TEMPLATE:,} characters")
    return environment.from_string(source)


@lru_cache(maxsize=16)
def _compile(source: str) -> Template:
    return compiled(_environment(), source)


@cache
def _environment() -> BoundedEnvironment:
    """Make the environment, and have Transformers use it: without a budget, it is like its own."""
    from transformers.utils import chat_template_utils

    made = BoundedEnvironment.like(chat_template_utils._compile_jinja_template("").environment)
    chat_template_utils._compile_jinja_template = _compile
    return made


@contextmanager
def bounded() -> Iterator[None]:
    """Bound what is rendered within: Transformers' templates ask a budget, in this thread alone.

    Raises:
        jinja2.TemplateError: A template takes too much time or memory.
    """
    with _LOCK:
        _environment()
    with budgeted():
        yield


@contextmanager
def budgeted() -> Iterator[None]:
    """Bound what environments of this module render within, in this thread alone."""
    token = _BUDGET.set(Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)
