"""The field `data.weak`: functions that label training rows, as data; no code is run.

`weak_labels/` lets them vote. Ratner et al. 2016, https://arxiv.org/abs/1605.07723.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import regex
from pydantic import BeforeValidator, Field, field_validator, model_validator

from luthier.errors import nearest
from luthier.recipe.adaptation import as_tuple
from luthier.recipe.problems import Problem
from luthier.recipe.section import Section

WAYS = ("contains", "pattern", "gazetteer", "run")  # of which a function has one


class LabellingFunction(Section):
    """Votes for a label where words, a pattern or the entry of a list occur; or a run votes."""

    contains: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] | None = Field(
        None, description="Words or phrases, whole and in any case."
    )
    pattern: str | None = Field(
        None, description="A regular expression as Python writes them; case counts without (?i)."
    )
    gazetteer: str | None = Field(
        None, description="A text file with a word or a phrase in each line, as for contains."
    )
    run: str | None = Field(
        None, description="Folder of a run with the same labels, which votes for its answers."
    )
    label: Annotated[str | None, BeforeValidator(lambda one: one if one is None else str(one))] = (
        Field(None, description="The label that is voted for; null for a run, which has its own.")
    )
    at_least: float = Field(
        0.0, ge=0, le=1, description="Probability from which an answer of a run is a vote."
    )
    name: str | None = Field(None, description="What tables call it; null: what it looks for.")

    @model_validator(mode="before")
    @classmethod
    def _one_way(cls, given: Any) -> Any:
        """Tell what a function lacks, in words of its own."""
        if not isinstance(given, Mapping):
            raise ValueError("should be a mapping such as {contains: [refund], label: complaint}")
        unknown = [str(one) for one in given if one not in cls.model_fields]
        if unknown:
            close = nearest(unknown[0], cls.model_fields)
            raise ValueError(
                f"should have no field '{unknown[0]}'"
                + (f", perhaps {close}" if close else f" (fields: {', '.join(cls.model_fields)})")
            )
        ways = [way for way in WAYS if given.get(way) is not None]
        if len(ways) != 1:
            raise ValueError("should have one of contains, pattern, gazetteer and run")
        if (given.get("label") is None) == (ways != ["run"]):
            has = "no label: it votes for its answers" if ways == ["run"] else "a label to vote for"
            raise ValueError(f"should have {has}")
        if given.get("at_least") and ways != ["run"]:
            raise ValueError("should have at_least only beside a run")
        return given

    @field_validator("contains")
    @classmethod
    def _some_words(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if given is not None and not (given and all(one.strip() for one in given)):
            raise ValueError("should list words or phrases")
        return given

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, given: str | None) -> str | None:
        try:
            regex.compile(given or "")
        except (regex.error, ValueError, RecursionError) as problem:
            raise ValueError(f"should be a regular expression ({problem})") from None
        return given

    @property
    def called(self) -> str:
        """What tables call it."""
        way = next(way for way in WAYS if getattr(self, way) is not None)
        given = getattr(self, way)
        return self.name or f"{way} {', '.join(given) if isinstance(given, tuple) else given}"


def problems_of_weak(functions: tuple[LabellingFunction, ...], task: Any) -> Iterator[Problem]:
    """Find functions that cannot vote on the rows of a task, or that are named alike."""
    if task.unit != "sequence" or task.kind != "single-label":
        yield Problem(
            "data.weak",
            f"gives one label to a text or a pair, which is not what {task.name} learns",
            fix="data.weak=null, or task=text-classification",
        )
    if not functions:
        yield Problem("data.weak", "names no labelling function", fix="data.weak=null")
    names = [one.called for one in functions]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(
                f"data.weak.{index}",
                f"'{name}' is there twice",
                fix="leave one out, or give each a name",
            )
