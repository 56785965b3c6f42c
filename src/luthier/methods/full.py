"""`full`: train every weight that the recipe does not freeze."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import Section
from luthier.records import StepInfo


class FullOptions(Section):
    """Full fine-tuning has no options: the training section says it all."""


class Full(PlainCheckpoint):
    """Train every weight that the recipe does not freeze."""

    name: ClassVar[str] = "full"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    engines: ClassVar[frozenset[str]] = frozenset({"tensorflow"})
    Options = FullOptions
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, options: FullOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Train the model in place."""
        from luthier.training.loop import train

        return (yield from train(model, job))
