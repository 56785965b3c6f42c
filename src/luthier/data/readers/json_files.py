"""Parses JSON and JSON Lines files to columns, with the line of every row.

Supported forms are an array of objects, an object that contains such an array (`{"data": […]}`),
SQuAD's articles (`squad.py`), pairs of a text and its annotations as spaCy has them, columns
(`{"text": […], "label": […]}`), and one object on each line. Values keep their types; null and
missing keys become None, and rows that are null are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from luthier.data.readers.delimited import Table
from luthier.data.readers.squad import is_squad, table_of_squad
from luthier.errors import DataError
from luthier.surrogates import without_surrogates

SHAPES = '[{"text": "…", "label": "…"}, …], or one such object on each line'
_SPACE = re.compile(r"[ \t\r\n]*")


def _keep_keys_apart(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that has a key twice: one of the values would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise _TwiceError(twice)
    return made


class _TwiceError(ValueError):
    """An object has a key twice; the message is the key."""


_DECODER = json.JSONDecoder(object_pairs_hook=_keep_keys_apart)


def parse_json(text: str, *, name: str) -> Table:
    """Parse a `.json` file.

    Raises:
        DataError: It is not JSON, or not in a form that has rows.
    """
    text = _plain_line_ends(text, name)
    start = _skip(text, 0)
    if text[start] == "[":
        items, end = _read_array(text, start, name)
        _refuse_rest(text, end, name)
        return _table_of(items, name)
    if text[start] != "{":
        raise _not_rows(name, f"it starts with {text[start : start + 20]!r}")
    members, end = _read_members(text, start, name)
    if _skip(text, end) < len(text):
        return parse_json_lines(text, name=name)
    return _table_of_members(members, name)


def parse_json_lines(text: str, *, name: str) -> Table:
    """Parse a file with one object on each line (`.jsonl`).

    Raises:
        DataError: A line is not a JSON object.
    """
    text = _plain_line_ends(text, name)
    if text[_skip(text, 0)] == "[":
        return parse_json(text, name=name)
    items = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            value, end = _read_value(line, _skip(line, 0), name, line=number)
            _refuse_rest(line, end, name, line=number)
            items.append((number, value))
    return _table_of(items, name)


def _plain_line_ends(text: str, name: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{name} is empty.", received="no lines", hint=SHAPES)
    return text


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _malformed(text: str, position: int, name: str, *, line: int | None, why: str) -> DataError:
    number = line or text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return DataError(
        f"{name} is not valid JSON.",
        received=f"line {number}, column {column}: {why}",
        hint=f"correct line {number}; expected is {SHAPES}",
    )


def _read_value(
    text: str, position: int, name: str, *, line: int | None = None
) -> tuple[object, int]:
    try:
        value, end = _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as problem:
        raise _malformed(text, problem.pos, name, line=line, why=problem.msg) from problem
    except _TwiceError as problem:
        why = f"an object has the key '{str(problem)[:80]}' twice"
        raise _malformed(text, position, name, line=line, why=why) from problem
    except (ValueError, RecursionError) as problem:
        why = "too deeply nested, or a number too long"
        raise _malformed(text, position, name, line=line, why=why) from problem
    return without_surrogates(value) if "\\u" in text[position:end] else value, end


Items = list[tuple[int, object]]


def _read_array(text: str, position: int, name: str) -> tuple[Items, int]:
    """Read an array item by item, with the line where each starts."""
    items: Items = []
    line, counted = 1, 0
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        return items, position + 1
    while True:
        line, counted = line + text.count("\n", counted, position), position
        value, end = _read_value(text, position, name)
        items.append((line, value))
        position, is_closed = _skip_comma(text, end, "]", name)
        if is_closed:
            return items, position


def _read_members(text: str, position: int, name: str) -> tuple[dict[str, object], int]:
    """Read an object member by member; arrays become `(line, value)` items."""
    members: dict[str, object] = {}
    position = _skip(text, position + 1)
    if text[position : position + 1] == "}":
        return members, position + 1
    while True:
        if text[position : position + 1] != '"':
            raise _malformed(text, position, name, line=None, why="a key in quotes is missing")
        key, position = _read_value(text, position, name)
        position = _skip(text, position)
        if text[position : position + 1] != ":":
            raise _malformed(text, position, name, line=None, why="':' is missing")
        position = _skip(text, position + 1)
        read_member = _read_array if text[position : position + 1] == "[" else _read_value
        members[str(key)], position = read_member(text, position, name)
        position, is_closed = _skip_comma(text, position, "}", name)
        if is_closed:
            return members, position


def _skip_comma(text: str, position: int, bracket: str, name: str) -> tuple[int, bool]:
    """Skip what follows an item: a comma, or the closing bracket; tell which it was."""
    position = _skip(text, position)
    sign = text[position : position + 1]
    if sign not in (",", bracket) or not sign:
        why = f"',' or '{bracket}' is missing" if sign else f"'{bracket}' is missing at the end"
        raise _malformed(text, position, name, line=None, why=why)
    return (position + 1, True) if sign == bracket else (_skip(text, position + 1), False)


def _refuse_rest(text: str, end: int, name: str, *, line: int | None = None) -> None:
    rest = _skip(text, end)
    if rest < len(text):
        raise _malformed(text, rest, name, line=line, why="text after the end")


def _not_rows(name: str, received: str) -> DataError:
    return DataError(f"{name} has no rows.", received=received, hint=SHAPES)


def _table_of(items: Items, name: str, member: str = "") -> Table:
    kept = [(line, value) for line, value in items if value is not None]
    if not kept:
        raise _not_rows(name, "nothing but null" if items else "an empty array")
    if is_squad(values := _values(items), member=member):
        return table_of_squad(values, name=name, member=member)
    records: list[dict[str, object]] = []
    for line, value in kept:
        if _is_annotated(value):
            value = {"text": value[0], **value[1]}
        if not isinstance(value, dict):
            raise DataError(
                f"{name}: a row must be an object.",
                received=f"line {line}: {json.dumps(value, ensure_ascii=False)[:60]}",
                hint=SHAPES,
            )
        records.append(value)
    n_left_out = len(items) - len(kept)
    notes = (f"{n_left_out} rows that are null were left out",) if n_left_out else ()
    return Table(columns_of(records), [line for line, _ in kept], notes)


def _values(items: Items) -> list[object]:
    return [value for _, value in items]


def _are_columns(whole: Mapping[str, Any], member: str) -> bool:
    """Say whether the objects of a member are cells: the other members are as long."""
    is_even = all(
        isinstance(one, list) and len(one) == len(whole[member]) for one in whole.values()
    )
    return is_even and len(whole) > 1 and isinstance(whole[member][0], dict)


def _is_row(value: object) -> bool:
    return isinstance(value, dict) or _is_annotated(value)


def _is_annotated(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a row is a text and what was annotated in it, as spaCy keeps training data."""
    is_pair = isinstance(value, list) and len(value) == 2
    return is_pair and isinstance(value[0], str) and isinstance(value[1], dict)


def columns_of(records: Iterable[Mapping[str, object]]) -> dict[str, list[object]]:
    """Convert records to columns, in the order in which keys first occur."""
    kept = list(records)
    names = dict.fromkeys(str(name) for record in kept for name in record)
    return {name: [record.get(name) for record in kept] for name in names}


def _table_of_members(members: dict[str, object], name: str) -> Table:
    whole: dict[str, Any] = {
        key: _values(one) if isinstance(one, list) else one for key, one in members.items()
    }
    if is_squad([whole]):
        return table_of_squad([whole], name=name)
    arrays = {key: value for key, value in members.items() if isinstance(value, list)}
    rows = [key for key in arrays if _is_row(next(filter(None, whole[key]), None))]
    member = "data" if "data" in rows else rows[0] if len(rows) == 1 else None
    if member is not None and not _are_columns(whole, member):
        return _table_of(arrays[member], name, member)
    columns = {key: [value for _, value in items] for key, items in arrays.items()}
    columns |= {k: list(v.values()) for k, v in members.items() if isinstance(v, dict)}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(columns) < len(members) or len(set(lengths.values())) != 1:
        told = ", ".join(f"{key}: {lengths.get(key, 'one value')}" for key in members)
        raise _not_rows(name, f"an object with {told}" if members else "an empty object")
    if 0 in lengths.values():
        raise _not_rows(name, f"empty columns {', '.join(columns)}")
    return Table(columns, list(range(1, 1 + next(iter(lengths.values())))))
