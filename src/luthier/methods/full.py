"""`full`: train every weight that the recipe does not freeze."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import Section
from luthier.records import Job, StepInfo


class FullOptions(Section):
    """Full fine-tuning has no options: the training section says it all."""


class Full:
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

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:
        """Write the model as a checkpoint of Transformers."""
        from luthier.models.load import save_model

        save_model(model, tokenizer, folder)

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read the checkpoint back."""
        from luthier.models.load import load_saved

        return load_saved(folder)
