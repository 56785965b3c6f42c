"""Cells of tables that spreadsheets open: none is run as a formula."""

from __future__ import annotations

import json
import re

# What makes a spreadsheet run a cell, after characters that it ignores; and what would, where it
# takes another country's separator: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"""(?:[\s\0-\x1f"'\u200b-\u200f\u2060\ufeff]*[=+\-@|＝＋－＠｜]|[\t\r\n])""")
_BEHIND = re.compile(r"""(?<=[;\t\r\n])(?=[\s"']*(?:[=@＝＠]|[+\-＋－][^;\t\r\n]*[(|!]))""")


def inert(cell: object) -> object:
    """Keep a spreadsheet from running a text as a formula.

    >>> inert("=1+1"), inert("a=b"), inert(-1.5), inert("a;=1+1")
    ("'=1+1", 'a=b', -1.5, "a;'=1+1")
    """
    if not isinstance(cell, str):
        return cell
    quoted = _BEHIND.sub("'", cell)
    return f"'{quoted}" if _FORMULA.match(cell) else quoted


def flat(cell: object) -> object:
    """Write lists and mappings as JSON, which a cell of a table can hold."""
    is_nested = isinstance(cell, (list, tuple, dict))
    return json.dumps(cell, ensure_ascii=False, default=str) if is_nested else cell
