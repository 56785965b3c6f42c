"""From a translation memory (TMX) to one column a language and one row a unit.

TMX 1.4b, https://www.gala-global.org/tmx-14b. Codes of a program inside a text are left out, what
other marks enclose is kept. XML is parsed by defusedxml: no entity is expanded, and nothing outside
the file is read. `xliff.py` reads its XML with what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from luthier.data.readers.delimited import Table
from luthier.errors import DataError

CODES = frozenset(("bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "sc", "ec", "cp"))
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
NUMBERED = frozenset(("tu", "tuv", "trans-unit", "segment", "source", "target"))
LINE = " line"  # no attribute of a file has such a name


class Unit(NamedTuple):
    """A text in several languages, and the line where it starts."""

    line: int
    texts: Mapping[str, str | None]


def parse_tmx(text: str, *, name: str) -> Table:
    """Parse a translation memory.

    Args:
        text: The whole file.
        name: What to call the file in messages.

    Returns:
        A column for each language, in lower case as written (`en`, `en-us`); None where a unit
        has no text in it. Of two texts in one language the first is kept.

    Raises:
        DataError: It is no TMX, or a text has no language; it says in which line.
    """
    units: list[Unit] = []
    n_more = 0
    for unit in parse_xml(text, name=name, kind="tmx").iter():
        if tag_of(unit) != "tu":
            continue
        texts: dict[str, str | None] = {}
        for variant in below(unit, "tuv"):
            language = (variant.get(LANGUAGE) or variant.get("lang") or "").strip().lower()
            if not language:
                raise lacks_language(variant, name, '<tuv xml:lang="en">')
            for segment in below(variant, "seg"):
                n_more += language in texts
                texts.setdefault(language, text_of(segment))
        units.append(Unit(line_of(unit), texts))
    notes = [f"{n_more} further texts of a unit in the same language left out"] if n_more else []
    return table_of(units, notes, name=name, hint='<tu><tuv xml:lang="en"><seg>…</seg></tuv>…</tu>')


class _Numbered(TreeBuilder):
    """Builds the tree, and notes the lines of the elements that errors and rows name."""

    parser: Any = None

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        if tag.rpartition("}")[2] in NUMBERED:
            attrs = {**attrs, LINE: str(self.parser.CurrentLineNumber)}
        return super().start(tag, attrs)


def parse_xml(text: str, *, name: str, kind: str) -> Element:
    """Parse XML from a stranger.

    Args:
        text: The whole file.
        name: What to call the file in messages.
        kind: What the outermost element must be called.

    Raises:
        DataError: It is malformed, defines entities, or is of another kind.
    """
    if not text.strip():
        raise DataError(f"{name} is empty.", received="no lines", hint=f"<{kind}>…</{kind}>")
    builder = _Numbered()
    parser = DefusedXMLParser(target=builder)
    builder.parser = parser.parser
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as problem:
        line, column = problem.position
        raise DataError(
            f"{name}:{line}:{column + 1}: this is not well-formed XML.",
            received=str(problem).rpartition(": line")[0][:120],
            hint=f"mend line {line}, or export the file again",
        ) from problem
    except DefusedXmlException as problem:
        raise DataError(
            f"{name}:{parser.parser.CurrentLineNumber}: entities are defined, which can hide a "
            "bomb or a file of yours; they are not read.",
            received=type(problem).__name__,
            hint="export the file again without <!ENTITY …>",
        ) from problem
    except ValueError as problem:
        raise DataError(
            f"{name} cannot be read as XML.", received=str(problem)[:120], hint="save it as UTF-8"
        ) from problem
    if tag_of(root) != kind:
        raise DataError(
            f"{name} is no {kind.upper()}.",
            received=f"XML that starts with <{tag_of(root)[:40]}>",
            hint=f"<{kind}>…</{kind}>",
        )
    return root


def tag_of(element: Element) -> str:
    """Name an element without its namespace."""
    return element.tag.rpartition("}")[2]


def line_of(element: Element) -> int:
    """Say where an element starts."""
    return int(element.get(LINE, "1"))


def below(element: Element, name: str) -> Iterator[Element]:
    """Walk over the children of one name."""
    return (child for child in element if tag_of(child) == name)


def text_of(element: Element) -> str:
    """Give an element's text, without codes and with what other marks enclose."""
    parts: list[str] = []
    waiting: list[Element | str] = [element]  # a stack, as files may nest deeper than Python calls
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            parts.append(part)
            continue
        parts.append(part.text or "")
        for child in reversed(part):
            waiting.append(child.tail or "")
            if tag_of(child) not in CODES:
                waiting.append(child)
    return "".join(parts).strip()


def lacks_language(element: Element, name: str, hint: str) -> DataError:
    """Say which element does not tell its language."""
    return DataError(
        f"{name}:{line_of(element)}: a text does not say its language.",
        received=f"<{tag_of(element)}> without it",
        hint=hint,
    )


def table_of(units: Sequence[Unit], notes: Sequence[str], *, name: str, hint: str) -> Table:
    """Set languages side by side; units without any text are no rows.

    Raises:
        DataError: There is no unit with a text.
    """
    kept = [unit for unit in units if any(unit.texts.values())]
    if not kept:
        raise DataError(f"{name} has no texts.", received=f"{len(units)} units", hint=hint)
    told = list(notes)
    if len(kept) < len(units):
        told.append(f"{len(units) - len(kept)} units without text passed over")
    languages = dict.fromkeys(language for unit in kept for language in unit.texts)
    columns = {one: [unit.texts.get(one) for unit in kept] for one in languages}
    for language, texts in columns.items():
        n_lacking = sum(text is None for text in texts)
        told += [f"{n_lacking} rows without {language}"] if n_lacking else []
    return Table(columns, [unit.line for unit in kept], tuple(told))
