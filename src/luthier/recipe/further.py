"""Fields about other rows: those of an earlier task, of another domain, and scored besides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from pydantic import ConfigDict, Field

from luthier.recipe.section import Section


class Replay(Section):
    """Rows of an earlier task, learned beside the training rows so that it is not forgotten."""

    model_config = ConfigDict(serialize_by_alias=True)  # `from` is no name in Python

    files: str | list[str] = Field(
        alias="from", description="Labelled rows, with the columns and labels of data.train."
    )
    share: float = Field(
        0.05, gt=0, lt=1, description="Share of every batch, beside its training rows."
    )


class RowWeights(Section):
    """Training rows that weigh the more, the likelier they are in another domain."""

    towards: str = Field(description="File of texts of the other domain; labels are not read.")


def as_named(given: object) -> object:
    """Name files that are given without names by their stems; join a list of mappings.

    >>> as_named("old/tweets.csv"), as_named([{"source": "a.csv"}, "b.csv"])
    ({'tweets': 'old/tweets.csv'}, {'source': 'a.csv', 'b': 'b.csv'})
    """
    if given is None:
        return {}
    if isinstance(given, str):
        return {PurePath(given).stem or given: given}
    if not isinstance(given, (list, tuple)):
        return given
    named: dict[object, object] = {}
    for one in given:
        found = as_named(one)
        if not isinstance(found, Mapping):
            return given
        if both := sorted(map(str, named.keys() & found.keys())):
            raise ValueError(f"two files are called {both[0]}; name them, {{old: FILE, new: FILE}}")
        named |= found
    return named
