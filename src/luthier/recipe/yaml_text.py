"""Parse YAML text into plain values, with the line of each value and readable error messages.

Scalars follow YAML 1.2: `1e-4` is a number and `no` is the word "no". YAML 1.1, PyYAML's default,
gets both wrong for recipes. The result holds only mappings, lists, text, numbers, booleans, null.
Next: `load.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

from luthier.errors import RecipeError


class RecipeLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2; refuses what would surprise silently."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (filled below, as PyYAML does it)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, which can expand a small file without limit, and tags (objects)."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        refused = "aliases (*name)" if isinstance(event, yaml.AliasEvent) else None
        if getattr(event, "tag", None) is not None:
            refused = f"tags ({event.tag})"
        if refused:
            problem, fix = f"a recipe may not contain {refused}", "write the plain value there"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark, note=fix)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse duplicate keys, of which PyYAML would silently keep the last."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"the key '{key.value}' appears twice"
                fix = "keep one of the two"
                raise yaml.MarkedYAMLError(None, None, problem, key.start_mark, note=fix)
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
    """PyYAML's safe dumper; it also quotes text that YAML 1.2 reads as a number (`1e5`)."""

    def ignore_aliases(self, data: object) -> bool:
        """Write repeated values in full, because recipes have no aliases."""
        return True


RecipeDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def write_yaml(content: object) -> str:
    r"""Write plain values as YAML that `parse_yaml` reads back unchanged.

    >>> write_yaml({"word": "1e5", "number": 1e-5})
    "word: '1e5'\nnumber: 1.0e-05\n"
    """
    return yaml.dump(content, Dumper=RecipeDumper, sort_keys=False, allow_unicode=True)


def parse_yaml(text: str, *, name: str) -> tuple[Any, dict[str, str]]:
    """Parse YAML text.

    Args:
        text: the YAML text
        name: the name of the text in error messages, usually the file's

    Returns:
        The content, and the place of each dotted path in it as `name:line`.

    Raises:
        RecipeError: the text is not valid YAML; the message names line and column
    """
    content, places = _parsed(text, name)
    return deepcopy(content), dict(places)


@lru_cache(maxsize=16)  # a run's report, its card and its predictor read one recipe again and again
def _parsed(text: str, name: str) -> tuple[Any, dict[str, str]]:
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
    mark = problem.problem_mark
    hint = problem.note or "write one `field: value` per line, indented with spaces"
    context = problem.context or ""
    if "quoted scalar" in context:
        mark, hint = problem.context_mark, "close the quotes"
    elif "flow" in context:
        mark, hint = problem.context_mark, "close the brackets, and separate items by commas"
    elif "'\\t'" in (problem.problem or ""):
        hint = "indent with spaces; YAML does not allow tabs"
    if mark is None:
        return RecipeError(f"{name} is not valid YAML: {problem.problem}.", hint=hint)
    lines = text.lstrip("\ufeff").splitlines()
    return RecipeError(
        f"{name}:{mark.line + 1}:{mark.column + 1}: invalid YAML: {problem.problem}.",
        received=lines[mark.line].strip() if mark.line < len(lines) else "the end of the file",
        hint=hint,
    )


def _lines(node: yaml.Node | None, path: str) -> Iterator[tuple[str, int]]:
    """Yield each dotted path below a YAML node with its line, counted from 1."""
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
    """Parse one word as an unquoted YAML scalar; colons and `#` in it have no special meaning.

    >>> parse_word("1e-4"), parse_word("no"), parse_word("Review: #1"), parse_word("null")
    (0.0001, 'no', 'Review: #1', None)
    """
    loader = RecipeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return loader.construct_object(yaml.ScalarNode(tag, text))
