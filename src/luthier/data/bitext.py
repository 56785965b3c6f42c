"""From the XML of translators to rows: one column a language, one row a pair of texts.

TMX (https://www.gala-global.org/tmx-14b) and XLIFF 1.2 and 2.0 (https://docs.oasis-open.org/xliff).
Codes inside a text are left out, what other marks enclose is kept. Parsed by defusedxml: nothing is
expanded, and nothing outside the file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from luthier.data.delimited import Table
from luthier.errors import DataError

CODES = frozenset({"bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "sc", "ec", "cp", "note"})
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
Pair = dict[str, str]


def parse_tmx(content: bytes, *, name: str) -> Table:
    """Parse a translation memory.

    Raises:
        DataError: It is not XML, or has no units.
    """
    return _table(list(_tmx_units(_root(content, name))), name, "tu")


def parse_xliff(content: bytes, *, name: str) -> Table:
    """Parse a file of units with source and target; a unit without target has None there.

    Raises:
        DataError: It is not XML, or has no units.
    """
    return _table(list(_xliff_units(_root(content, name))), name, "trans-unit or segment")


def _root(content: bytes, name: str) -> Any:
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(content, forbid_dtd=False)
    except ParseError as problem:
        line, column = problem.position
        raise DataError(
            f"{name} is not well-formed XML.",
            received=f"line {line}, column {column + 1}: {str(problem).partition(':')[0]}",
            hint=f"mend line {line}, or export the file again",
        ) from problem
    except DefusedXmlException as problem:
        raise DataError(
            f"{name} defines entities, which can hide a bomb; it is not read.",
            received=type(problem).__name__,
            hint="export the file again without a DTD of its own",
        ) from problem
    except (LookupError, ValueError) as problem:
        raise DataError(
            f"{name} is in an encoding that is not known.", received=str(problem)[:80], hint="UTF-8"
        ) from problem


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _below(element: Any, *names: str) -> Iterator[Any]:
    return (one for one in element.iter() if _tag(one) in names)


def _tmx_units(root: Any) -> Iterator[Pair]:
    for unit in _below(root, "tu"):
        pair: Pair = {}
        for variant in _below(unit, "tuv"):
            language = variant.get(LANGUAGE) or variant.get("lang") or ""
            for segment in _below(variant, "seg"):
                pair.setdefault(language.lower(), text_of(segment))
        yield pair


def _xliff_units(root: Any) -> Iterator[Pair]:
    for file in _below(root, "file"):
        source = file.get("source-language") or root.get("srcLang") or "source"
        target = file.get("target-language") or root.get("trgLang") or "target"
        for unit in _below(file, "trans-unit", "segment"):
            pair: Pair = {}
            for child in unit:
                if _tag(child) == "source":
                    pair[source.lower()] = text_of(child)
                if _tag(child) == "target":
                    pair[target.lower()] = text_of(child)
            yield pair


def text_of(element: Any) -> str:
    """Give an element's text without codes, and with what other marks enclose."""
    parts = [element.text or ""]
    for child in element:
        if _tag(child) not in CODES:
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _table(units: list[Pair], name: str, unit: str) -> Table:
    kept = [(number, pair) for number, pair in enumerate(units, start=1) if pair]
    if not kept:
        raise DataError(f"{name} has no texts.", received=f"no {unit}", hint="another file")
    languages = dict.fromkeys(language for _, pair in kept for language in pair)
    columns = {one: [pair.get(one) for _, pair in kept] for one in languages}
    return Table(columns, [number for number, _ in kept])
