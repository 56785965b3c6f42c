"""Find rows beside the training rows that a recipe names and nothing reads, or the reverse.

Next: `checks.py`, which checks the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from luthier.recipe.problems import Problem
from luthier.registry import find, names

TARGET = "target"  # option of methods that read unlabelled rows: a file of such
Found = type[Any] | None  # the class of a plug-in that the recipe names, if there is one


def options_with_target(method: object) -> dict[str, Any] | None:
    """Return a method's options if they name the unlabelled rows that it reads, else None."""
    if not isinstance(method, Mapping) or method.get("name") not in names("methods"):
        return None
    options = method.get("options")
    is_read = getattr(find("methods", method["name"]), "reads_unlabelled", False)
    is_named = isinstance(options, dict) and options.get(TARGET) is not None
    return options if is_read and is_named else None


def check_unlabelled(tree: Mapping[str, Any], method: Found) -> Iterator[Problem]:
    """Find unlabelled rows that nothing reads, and methods that lack them."""
    data = tree.get("data")
    is_given = isinstance(data, Mapping) and data.get("unlabelled") is not None
    is_read = getattr(method, "reads_unlabelled", False)
    if options_with_target(tree.get("method")) is not None:
        if is_given:
            fix = f"method.options.{TARGET}=null"
            yield Problem(f"method.options.{TARGET}", "is data.unlabelled, given twice", fix=fix)
        return
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
    """Find rows of an earlier task, and weights of rows, that no step would read."""
    data = tree.get("data")
    for field in ("replay", "row_weights"):
        if isinstance(data, Mapping) and data.get(field) is not None:
            yield from needs_reading_anew(method, f"data.{field}", "null")
