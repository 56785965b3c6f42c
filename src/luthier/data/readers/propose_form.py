"""Reads a source in the form that it needs, for `luthier init`, and names what a recipe must say.

Encodings and delimiters are detected whenever a file is read. What is proposed here changes the
rows, so that it stands in the recipe, where it can be seen.
"""

from __future__ import annotations

from typing import Any

from luthier.data.readers.form import Form, MisreadError
from luthier.data.readers.read import rows_of, tables_of
from luthier.records import Rows


def read_as_proposed(source: object, **given: Any) -> tuple[Rows, list[str], dict[str, Any]]:
    """Read a source, again if its form turns out to be another.

    Args:
        source: What `read` takes.
        given: What the user says of its form, as in `Form`.

    Returns:
        The rows, notes for the user, and the fields of `data` that were not given but are needed.

    Raises:
        DataError: The source cannot be read.

    >>> rows, notes, proposed = read_as_proposed({"text": ["a", "b"]})
    >>> proposed
    {}
    """
    proposed: dict[str, Any] = {}
    while True:  # a field is proposed once at most
        try:
            named = tables_of(source, Form(**{**given, **proposed}))
        except MisreadError as problem:
            proposed |= problem.proposed
            continue
        more = {name: value for _, table in named for name, value in table.proposed.items()}
        if not more:
            rows, notes, _ = rows_of(named, {})
            return rows, [*notes, *map(_tell, proposed.items())], proposed
        proposed |= more


def _tell(field: tuple[str, Any]) -> str:
    written = f"{field[0]}={field[1]}"
    return f"data.{written}: {WHY.get(written) or WHY[field[0]]}"


WHY = {
    "format": "the ending of the file does not say it",
    "format=conll": "each line is a word with its tag, and blank lines part sentences",
    "delimiter": "each line is a row, not a text alone",
    "quoting": "texts begin with quotes that nothing closes, so quotes are ordinary characters",
    "header": "the first line is a row, so columns are numbered",
    "header=first": "the first line has the names of the columns",
}
