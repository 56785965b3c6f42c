"""Reads XLIFF, the exchange format of translation tools: one column for each language.

A row is a segment. XLIFF 1.2 and 2.0, https://docs.oasis-open.org/xliff; Trados writes 1.2 as
`.sdlxliff`. `tmx.py` parses the XML and handles markup inside texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from luthier.data.readers.delimited import Table
from luthier.data.readers.tmx import (
    LANGUAGE,
    Unit,
    below,
    lacks_language,
    line_of,
    parse_xml,
    table_of,
    tag_of,
    text_of,
)
from luthier.errors import DataError

SHAPE = "<trans-unit><source>…</source><target>…</target></trans-unit>"


def parse_xliff(text: str, *, name: str) -> Table:
    """Parse a file of segments with their translations.

    Args:
        text: The content of the file.
        name: The name of the file in messages.

    Returns:
        A column for the source language and one for the target language, in lower case; None if a
        segment is not translated. Segments marked translate="no" are dropped.

    Raises:
        DataError: It is not XLIFF, or a text has no language; the error names the line.
    """
    root = parse_xml(text, name=name, kind="xliff")
    units: list[Unit] = []
    n_fixed = 0
    for file in below(root, "file"):
        source = file.get("source-language") or root.get("srcLang")
        target = file.get("target-language") or root.get("trgLang")
        for unit, segment in _segments(file):
            if "no" in (unit.get("translate"), segment.get("translate")):
                n_fixed += 1
                continue
            units.append(Unit(line_of(segment), _texts(segment, source, target, name)))
    notes = [f"{n_fixed} units marked translate=no dropped"] if n_fixed else []
    return table_of(units, notes, name=name, hint=SHAPE)


def _segments(file: Element) -> Iterator[tuple[Element, Element]]:
    """Iterate over (unit, segment) of version 2; in version 1, a unit is its own segment."""
    for unit in file.iter():
        if tag_of(unit) == "trans-unit":
            yield unit, unit
        elif tag_of(unit) == "unit":
            yield from ((unit, segment) for segment in below(unit, "segment"))


def _texts(
    segment: Element, source: str | None, target: str | None, name: str
) -> dict[str, str | None]:
    """Map languages to texts; an empty translation counts as missing."""
    texts: dict[str, str | None] = {}
    for role, stated in (("source", source), ("target", target)):
        side = next(below(segment, role), None)
        text = None if side is None else text_of(side) or None
        language = stated or (None if side is None else side.get(LANGUAGE)) or ""
        language = language.strip().lower()
        if side is not None and text and not language:
            key = "source-language" if role == "source" else "target-language"
            raise lacks_language(side, name, f'<file {key}="en"> (srcLang, trgLang in version 2)')
        if text and language in texts:
            raise DataError(
                f"{name}:{line_of(segment)}: source and target are in the same language.",
                received=f"'{language}' twice",
                hint="set the language of the translations: <file target-language=…>",
            )
        if language:
            texts.setdefault(language, text)
    return texts
