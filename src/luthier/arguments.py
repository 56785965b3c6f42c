"""Checks the arguments of what a user calls by their annotations, so that none ends in a traceback.

Neither does a call that needs libraries which are not installed. Types are those of Python,
strictly; the docstring says what to give instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, wraps
from inspect import Signature, getdoc, signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, get_origin, get_type_hints

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from luthier.environment import lacking
from luthier.errors import ArgumentError

P = ParamSpec("P")
T = TypeVar("T")


def one_or_several(value: object) -> object:
    """Make a list of one text alone, which Python would read letter by letter.

    >>> one_or_several("training.seed=1"), one_or_several(["a", "b"])
    (['training.seed=1'], ['a', 'b'])
    """
    return [value] if isinstance(value, str) else value


def each_path(value: object) -> object:
    """Make a list of one path alone, and of paths that come one after another.

    >>> each_path("runs/a"), each_path(iter(["runs/a"]))
    (['runs/a'], ['runs/a'])
    """
    if isinstance(value, (str, Path)):
        return [value]
    return (
        value
        if isinstance(value, (Mapping, bytes)) or not isinstance(value, Iterable)
        else [*value]
    )


Paths = Annotated[Sequence[str | Path], BeforeValidator(each_path)]
Overrides = Annotated[Sequence[str], BeforeValidator(one_or_several)]
Names = Annotated[Sequence[str], BeforeValidator(one_or_several)]
Count = Annotated[int, Field(ge=1)]
ZeroOrMore = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Check the arguments of a function by their annotations, once it is called.

    An argument annotated with a validator is passed as that makes it, every other one as it is.
    """
    declared = signature(function)

    @wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> T:
        bound = declared.bind(*given, **named)
        for name, value in bound.arguments.items():
            bound.arguments[name] = _checked(function, declared, name, value)
        try:
            return function(*bound.args, **bound.kwargs)
        except ModuleNotFoundError as problem:
            raise lacking(problem) or problem from problem

    return call


def _checked(function: Callable[..., Any], declared: Signature, name: str, value: Any) -> Any:
    if value is declared.parameters[name].default:
        return value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a number of NumPy
    hint, adapter = _hints(function)[name]
    try:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("no path and no name has a null byte")
        made = adapter.validate_python(value, strict=True)
    except ValueError:  # pydantic's among them
        raise ArgumentError(
            f"This is not what luthier.{function.__name__} takes as {name}.",
            received=f"{type(value).__name__}: {repr(value)[:80]}",
            hint=dict(_said_of(function)).get(name),
        ) from None
    return made if get_origin(hint) is Annotated else value


@cache
def _hints(function: Callable[..., Any]) -> dict[str, tuple[Any, TypeAdapter[Any]]]:
    settings = ConfigDict(arbitrary_types_allowed=True)
    return {
        name: (hint, TypeAdapter(hint, config=settings))
        for name, hint in get_type_hints(function, include_extras=True).items()
        if name != "return"
    }


def _said_of(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Walk over what the docstring says of each argument."""
    words = (getdoc(function) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    for told in re.split(r"\n(?= {4}\S)", words):
        name, _, said = told.partition(":")
        yield name.strip(), " ".join(said.split()).rstrip(".")
