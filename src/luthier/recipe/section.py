"""What all parts of a recipe are: frozen, and strict about their fields. Next: `tree.py`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the recipe: frozen; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoOptions(Section):
    """Options of a plug-in that has none."""
