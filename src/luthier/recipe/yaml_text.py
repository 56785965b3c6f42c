"""YAML text to plain values, with the line of each, and with messages for people.

Scalars are read as YAML 1.2 has them: `1e-4` is a number and `no` is the word "no"; YAML 1.1,
PyYAML's own choice, gets both wrong for recipes. Nothing but mappings, lists, text, numbers,
truth values and null is ever made. Next: `load.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from luthier.errors import RecipeError


class RecipeLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, and no silent surprises."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (filled below, as PyYAML does it)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, which make a small file explode, and tags, which ask for objects."""
        event = self.peek_event()
        refused = "aliases (*name)" if isinstance(event, yaml.AliasEvent) else None
        if getattr(event, "tag", None) is not None:
            refused = f"tags ({event.tag})"
        if refused:
            problem = f"a recipe has no {refused}"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice: PyYAML would keep the last one in silence."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"'{key.value}' stands here twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep=True)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9_]*)$|^0x[0-9a-fA-F]+$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9]*)(?:[eE][-+]?[0-9]+)?$"
        r"|^[-+]?[0-9]+[eE][-+]?[0-9]+$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$",
        list("-+.0123456789"),
    ),
):
    RecipeLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


class RecipeDumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes what only YAML 1.2 takes for a number (`1e5`)."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: recipes have no aliases."""
        return True


RecipeDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def write_yaml(content: Any) -> str:
    r"""Write plain values as YAML that `parse_yaml` reads back to equal ones.

    >>> write_yaml({"word": "1e5", "number": 1e-5})
    "word: '1e5'\nnumber: 1.0e-05\n"
    """
    return yaml.dump(content, Dumper=RecipeDumper, sort_keys=False, allow_unicode=True)


def parse_yaml(text: str, *, name: str) -> tuple[Any, dict[str, str]]:
    """Parse YAML text.

    Args:
        text: The text.
        name: What to call it in messages.

    Returns:
        The content, and for each dotted path in it its place as `name:line`.

    Raises:
        RecipeError: It is not YAML; the message says line and column.
    """
    try:
        loader = RecipeLoader(text.lstrip("\ufeff"))
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as problem:
        raise _syntax_error(problem, text, name) from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as problem:
        raise RecipeError(
            f"{name} cannot be read as YAML.",
            received=str(problem).splitlines()[0],
            hint="save it as plain text in UTF-8, without control characters",
        ) from None
    places = {path: f"{name}:{line}" for path, line in _lines(node, "")}
    return content, places


def _syntax_error(problem: yaml.MarkedYAMLError, text: str, name: str) -> RecipeError:
    mark, hint = problem.problem_mark, "one `field: value` a line, indented with spaces"
    context = problem.context or ""
    if "quoted scalar" in context:
        mark, hint = problem.context_mark, "close the quotes"
    elif "flow" in context:
        mark, hint = problem.context_mark, "close the brackets, and part what is in them by commas"
    elif "'\\t'" in (problem.problem or ""):
        hint = "indent with spaces; YAML allows no tabs"
    if mark is None:
        return RecipeError(f"{name} is not YAML: {problem.problem}.", hint=hint)
    lines = text.lstrip("\ufeff").splitlines()
    return RecipeError(
        f"{name}:{mark.line + 1}:{mark.column + 1}: this is not YAML: {problem.problem}.",
        received=lines[mark.line].strip() if mark.line < len(lines) else "the end of the file",
        hint=hint,
    )


def _lines(node: Any, path: str) -> Iterator[tuple[str, int]]:
    """Walk over the dotted paths of a YAML node with the line (from 1) of each."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield f"{path}.{index}", value.start_mark.line + 1
            yield from _lines(value, f"{path}.{index}")


def parse_word(text: str) -> Any:
    """Read one word as YAML reads an unquoted one; colons and `#` in it mean nothing.

    >>> parse_word("1e-4"), parse_word("no"), parse_word("Review: #1"), parse_word("null")
    (0.0001, 'no', 'Review: #1', None)
    """
    loader = RecipeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))
