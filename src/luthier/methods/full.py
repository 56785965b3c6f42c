"""`full`: train every weight that the recipe does not freeze."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

from luthier.models.load import load_saved, save_model
from luthier.recipe.tree import Section
from luthier.records import Job, StepInfo
from luthier.training.loop import train


class FullOptions(Section):
    """Full fine-tuning has no options: the training section says it all."""


class Full:
    """Train every weight that the recipe does not freeze."""

    name: ClassVar[str] = "full"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    Options = FullOptions
    save = staticmethod(save_model)
    load = staticmethod(load_saved)

    def __init__(self, options: FullOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Train the model in place."""
        return (yield from train(model, job))
