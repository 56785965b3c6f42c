"""Reads translation memories (TMX): one column for each language, one row for each unit.

TMX 1.4b, https://www.gala-global.org/tmx-14b. Inline codes in a text are dropped, text inside other
markup is kept. XML is parsed by defusedxml: entities are not expanded, and nothing outside the file
is read. `xliff.py` shares the XML functions of this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from luthier.data.readers.delimited import Table
from luthier.errors import DataError

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

CODES = frozenset(("bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "sc", "ec", "cp"))
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
NUMBERED = frozenset(("tu", "tuv", "trans-unit", "segment", "source", "target"))
LINE = " line"  # an attribute name that no XML file can have


class Unit(NamedTuple):
    """A text in several languages, and the line where it starts."""

    line: int
    texts: Mapping[str, str | None]


def parse_tmx(text: str, *, name: str) -> Table:
    """Parse a translation memory.

    Args:
        text: The content of the file.
        name: The name of the file in messages.

    Returns:
        A column for each language, in lower case (`en`, `en-us`); None if a unit has no text in
        that language. Of several texts in one language, the first is kept.

    Raises:
        DataError: It is not TMX, or a text has no language; the error names the line.
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
    notes = [f"{n_more} further texts in the same language of a unit dropped"] if n_more else []
    return table_of(units, notes, name=name, hint='<tu><tuv xml:lang="en"><seg>…</seg></tuv>…</tu>')


class _Numbered(TreeBuilder):
    """Builds the tree and records the lines of elements that errors and rows refer to."""

    parser: XMLParserType

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        if tag.rpartition("}")[2] in NUMBERED:
            attrs = {**attrs, LINE: str(self.parser.CurrentLineNumber)}
        return super().start(tag, attrs)


def parse_xml(text: str, *, name: str, kind: str) -> Element:
    """Parse untrusted XML.

    Args:
        text: The content of the file.
        name: The name of the file in messages.
        kind: The required name of the root element.

    Raises:
        DataError: It is malformed, defines entities, or has another root element.
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
            hint=f"correct line {line}, or export the file again",
        ) from problem
    except DefusedXmlException as problem:
        raise DataError(
            f"{name}:{parser.parser.CurrentLineNumber}: entities are defined, which can expand "
            "without bound or read local files; they are refused.",
            received=type(problem).__name__,
            hint="export the file again without <!ENTITY …>",
        ) from problem
    except ValueError as problem:
        raise DataError(
            f"{name} cannot be read as XML.", received=str(problem)[:120], hint="save it as UTF-8"
        ) from problem
    if tag_of(root) != kind:
        raise DataError(
            f"{name} is not {kind.upper()}.",
            received=f"XML that starts with <{tag_of(root)[:40]}>",
            hint=f"<{kind}>…</{kind}>",
        )
    return root


def tag_of(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def line_of(element: Element) -> int:
    """Return the line where an element starts."""
    return int(element.get(LINE, "1"))


def below(element: Element, name: str) -> Iterator[Element]:
    """Iterate over the children with a name."""
    return (child for child in element if tag_of(child) == name)


def text_of(element: Element) -> str:
    """Return an element's text, without inline codes, including text inside other markup."""
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
    """Describe an element without a language."""
    return DataError(
        f"{name}:{line_of(element)}: a text has no language.",
        received=f"<{tag_of(element)}> without the attribute",
        hint=hint,
    )


def table_of(units: Sequence[Unit], notes: Sequence[str], *, name: str, hint: str) -> Table:
    """Make a column for each language; units without any text are skipped.

    Raises:
        DataError: No unit has a text.
    """
    kept = [unit for unit in units if any(unit.texts.values())]
    if not kept:
        raise DataError(f"{name} has no texts.", received=f"{len(units)} units", hint=hint)
    all_notes = list(notes)
    if len(kept) < len(units):
        all_notes.append(f"{len(units) - len(kept)} units without text skipped")
    languages = dict.fromkeys(language for unit in kept for language in unit.texts)
    columns = {one: [unit.texts.get(one) for unit in kept] for one in languages}
    for language, texts in columns.items():
        n_lacking = sum(text is None for text in texts)
        all_notes += [f"{n_lacking} rows without {language}"] if n_lacking else []
    return Table(columns, [unit.line for unit in kept], tuple(all_notes))
