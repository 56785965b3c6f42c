"""Find rows beside the training rows that a recipe names and nothing reads, or the reverse.

Next: `checks.py`, which checks the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from luthier.recipe.problems import Problem
from luthier.registry import find, names

Found = type[Any] | None  # the class of a plug-in that the recipe names, if there is one


def check_unlabelled(tree: Mapping[str, Any], method: Found) -> Iterator[Problem]:
    """Find unlabelled rows that nothing reads, and methods that lack them."""
    data = tree.get("data")
    is_given = isinstance(data, Mapping) and data.get("unlabelled") is not None
    is_read = getattr(method, "reads_unlabelled", False)
    if method is None or is_given == is_read:
        return
    if is_given:
        able = [
            name
            for name in names("methods")
            if getattr(find("methods", name), "reads_unlabelled", False)
        ]
        yield Problem(
            "data.unlabelled",
            f"'{method.name}' learns from labelled rows alone",
            fix=f"data.unlabelled=null, or method={' or '.join(able)}",
        )
    else:
        yield Problem(
            "data.unlabelled",
            f"is required by '{method.name}', which learns from rows without labels, too",
            fix="data.unlabelled=FILE, whose columns are named as those of data.train",
        )


def needs_reading_anew(method: Found, field: str, nothing: str) -> Iterator[Problem]:
    """Refuse a method whose steps do not read the training rows themselves."""
    if method is not None and not getattr(method, "reads_anew", False):
        able = [
            name for name in names("methods") if getattr(find("methods", name), "reads_anew", False)
        ]
        yield Problem(
            field,
            f"'{method.name}' does not read the texts anew in every epoch",
            fix=f"{field}={nothing} or method=one of: {', '.join(able)}",
        )


def check_replay(tree: Mapping[str, Any], method: Found) -> Iterator[Problem]:
    """Find rows of an earlier task that no step would read."""
    data = tree.get("data")
    if isinstance(data, Mapping) and data.get("replay") is not None:
        yield from needs_reading_anew(method, "data.replay", "null")
