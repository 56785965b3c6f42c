"""Tells the format of a text file from its first lines, where its name does not.

`find_files.py` asks for files whose ending says nothing (`eng.testa`), `plain_text.py` for `.txt`
files, which may be tables: `sentence@label`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from luthier.data.readers.encoding import decode
from luthier.errors import DataError

START = 1 << 16  # bytes looked at
SAMPLE = 300  # lines looked at
FEWEST = 8  # lines, with fewer nothing can be told
MARKS = ("\t", "@", "|", ";", ",")
SHORT = 30  # characters of a label
MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow"}
_TAGGED = re.compile(r"\S+([\t ]+\S+)*[\t ]+(O|[BIESLUM]-\S+)")
_NUMBERED = re.compile(r"(\d+)([-.]\d+)?\t\S")


def sniff_format(path: Path) -> str | None:
    """Tell the format of a file; None if it is no text that can be read."""
    try:
        with path.open("rb") as file:
            start = file.read(START)
        for magic, kind in MAGIC.items():
            if start.startswith(magic):
                return kind
        text = decode(start, name=path.name).text
    except (OSError, DataError):
        return None
    bare = text.lstrip()
    for tag, kind in (("<tmx", "tmx"), ("<xliff", "xliff")):
        if bare.startswith("<") and tag in bare[:2000]:
            return kind
    if re.match(r"\{\s*\"", bare):
        return "jsonl" if re.search(r"\}\s*\n\s*\{", bare) else "json"
    if re.match(r"\[\s*\{", bare):
        return "json"
    lines = text.splitlines()[:SAMPLE]
    if is_tagged(lines):
        return "conll"
    mark = delimiter_of(lines)
    return {None: "text", "\t": "tsv"}.get(mark, "csv")


def is_tagged(lines: Sequence[str]) -> bool:
    r"""Return whether lines are words with tags, and sentences end with blank lines.

    >>> is_tagged(["U.N.\tB-ORG", "official\tO", "", "Peter\tB-PER"] * 4)
    True
    """
    if n_numbered(lines) > 1:
        return True
    filled = [line for line in lines if line.strip()]
    n_tagged = sum(_TAGGED.fullmatch(line.strip()) is not None for line in filled)
    return len(filled) < len(lines) and n_tagged > 0.9 * max(1, len(filled))


def n_numbered(lines: Sequence[str]) -> int:
    r"""Count the sentences whose lines begin with the numbers of their words, as in CoNLL-U.

    Lines of `#` are comments, and `1-2` and `1.1` number no words of their own. If one line has no
    number, or another one, the answer is 0.

    >>> n_numbered(["# en", "1\tAda\tPER", "2\tsleeps\tO", "", "1\tSo\tO", "2\tdo\tO"])
    2
    """
    n_sentences, last = 0, 0
    for line in lines:
        number = _NUMBERED.match(line)
        if not line.strip():
            last = 0
        elif number and not number[2]:
            if int(number[1]) != last + 1:
                return 0
            n_sentences, last = n_sentences + (last == 0), last + 1
        elif not number and not line.startswith("#"):
            return 0
    return n_sentences


def is_table_of_words(lines: Sequence[str]) -> bool:
    r"""Return whether rows of a table are words with tags, and sentences end with blank lines.

    Tags of any kind count, parts of speech too, if there are few.

    >>> is_table_of_words(["word,tag", "Ada,NOUN", "sleeps,VERB", "", "Bob,NOUN", "eats,VERB"] * 3)
    True
    >>> is_table_of_words(["Ada NNP B-PER", "sleeps VBZ O", "", "It PRP O", "rains VBZ O", ""] * 3)
    True
    >>> is_table_of_words(["The soup was cold", "Not good", "", "Cold soup", "So cold", ""] * 3)
    False
    """
    if n_numbered(lines) > 1:
        return True
    filled = [line.strip() for line in lines if line.strip()]
    runs = sum(not line.strip() and bool(after.strip()) for line, after in pairwise(lines))
    if len(filled) < FEWEST or runs < 2 or len(filled) < 2 * runs:
        return False
    has_one_width = len({len(line.split()) for line in filled}) == 1
    for mark in ("\t", ",", ";", *([" "] if has_one_width else [])):
        cells = [line.rsplit(mark, 1) for line in filled if mark in line]
        tags = {cell[-1].strip(' "') for cell in cells}
        if len(cells) == len(filled) and len(tags) <= max(2, len(filled) // 3):
            return not any(re.search(r"\s", line.replace(mark, "").strip(' "')) for line in filled)
    return False


def delimiter_of(lines: Sequence[str]) -> str | None:
    """Find what parts the cells of lines that are a table; None if they are texts.

    Tabs do if all lines have as many; other marks only if they part labels from texts, since
    sentences have commas, too.

    >>> delimiter_of(["Sales rose by a third.@positive", "Sales fell.@negative"] * 5)
    '@'
    """
    filled = [line for line in lines if line.strip()]
    if len(filled) < FEWEST:
        return None
    counts = Counter(line.count("\t") for line in filled)
    usual, n_usual = counts.most_common(1)[0]
    if usual > 0 and n_usual >= 0.95 * len(filled):
        return "\t"
    return next((mark for mark in MARKS if label_side(filled, mark) is not None), None)


def label_side(lines: Sequence[str], mark: str) -> str | None:
    """Return where a mark parts labels from texts: at the `end` or the `start`; None nowhere."""
    if not all(mark in line for line in lines):
        return None
    for side, cells in (
        ("end", [line.rpartition(mark)[2].strip() for line in lines]),
        ("start", [line.partition(mark)[0].strip() for line in lines]),
    ):
        counts = Counter(cells)
        few = 2 <= len(counts) <= max(2, len(lines) // 5)
        if few and all(0 < len(cell) <= SHORT for cell in counts):
            return side
    return None
