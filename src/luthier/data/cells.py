"""Reads cells that hold lists or mappings as text, as tables keep them.

    ["a", "b"]                        JSON
    ['a', 'b']                        as Python prints lists, and pandas' `to_csv` with them
    ['a' 'b'], [1 0 1]                as NumPy prints arrays
    array(['a', 'b'], dtype=object)   arrays inside others: `{'text': array(['a'], dtype=object)}`

Nothing is evaluated: what Python prints is parsed to a syntax tree, and only literals are read.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import numpy as np

from luthier.errors import DataError

LONGEST = 1 << 20  # characters of a cell that is parsed as Python; JSON has no such limit
NAMES = {
    "True_": True,
    "False_": False,
    "nan": None,
    "NaN": None,
    "null": None,
    "true": True,
    "false": False,
}
ARRAYS = ("array", "list", "tuple", "set", "dict")
NUMBERS = ("int", "uint", "float", "str", "bool")  # what the names of NumPy's scalars begin with
_OPENED = re.compile(r"""[\[{]|\(\s*['"]|(np\.|numpy\.)?array\(""")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\](){},:]|\.\.\.|[^\s\[\](){},:'"]+""", re.DOTALL
)
_AFTER, _BEFORE = ("[", "(", "{", ",", ":"), ("]", ")", "}", ",", ":")


def structure_of(cell: object) -> Any:
    """Read a list or mapping that a cell holds as text; return any other cell as it is.

    NumPy arrays become lists, also where they were already read.

    >>> structure_of("['a', 'b']"), structure_of("['a' 'b']"), structure_of("[1 0]")
    (['a', 'b'], ['a', 'b'], [1, 0])
    >>> structure_of("{'text': array(['x'], dtype=object), 'answer_start': array([3])}")
    {'text': ['x'], 'answer_start': [3]}
    >>> structure_of("[Laughter] Thank you."), structure_of(3)
    ('[Laughter] Thank you.', 3)
    """
    if isinstance(cell, np.ndarray):
        return cell.tolist()
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if not _OPENED.match(text) or text[-1] not in "]})":
        return cell
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > LONGEST:
        return cell
    try:
        read = _literal(ast.parse(_with_commas(text), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return cell
    return read if isinstance(read, (list, dict)) else cell


def is_cut_list(cell: object) -> bool:
    """Return whether a text begins as a list of texts, but cannot be read as one.

    >>> is_cut_list("['a', 'b"), is_cut_list("[Laughter] Thank you."), is_cut_list("['a' ... 'b']")
    (True, False, True)
    """
    if not isinstance(cell, str) or not re.match(r"""\s*[\[{(]\s*['"]""", cell):
        return False
    return isinstance(structure_of(cell), str)


def refuse_cut(cell: object, role: str, where: str) -> None:
    """Refuse a list that was cut off.

    Args:
        cell: The cell.
        role: What it holds, in the plural.
        where: Its place.

    Raises:
        DataError: It begins as a list of texts, but cannot be read as one.
    """
    if is_cut_list(cell):
        raise DataError(
            f"The {role} at {where} begin like a list that cannot be read.",
            received=f"{str(cell)[:30]} … {str(cell)[-20:]}",
            hint="a whole list; programs for tables cut cells off, NumPy leaves the middle out",
        )


def _with_commas(text: str) -> str:
    """Put commas between neighbouring values, as NumPy prints none; refuse what it left out."""
    parts: list[str] = []
    for token in _TOKEN.findall(text):
        if token == "...":
            raise ValueError("the middle of the list is missing")
        are_neighbours = bool(parts) and parts[-1] not in _AFTER and token not in _BEFORE
        if are_neighbours and not (token == "(" and _NAME.fullmatch(parts[-1])):
            parts.append(",")
        parts.append(token)
    return " ".join(parts)


def _literal(node: ast.expr) -> Any:
    """Read a literal.

    Raises:
        ValueError: It is an expression, which would have to be evaluated.
    """
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return [_literal(part) for part in parts]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): _literal(one) for key, one in zip(keys, values, strict=True)}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np"), attr=name) if name in NAMES:
            return NAMES[name]
        case ast.Call(args=[inside, *_]) if _called(node) in ARRAYS:
            return _literal(inside)
        case ast.Call(args=[inside]) if _called(node).startswith(NUMBERS):
            return _literal(inside)
    raise ValueError("not a literal")


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id in ("np", "numpy") else ""
    return function.id if isinstance(function, ast.Name) else ""


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    raise ValueError("not a literal")
