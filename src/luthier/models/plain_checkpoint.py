"""Bases of methods whose trained model is saved as a plain Hugging Face checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from luthier.hf_types import Model, Tokenizer
from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import NoOptions, Section
from luthier.records import Outputs


class PlainCheckpoint:
    """A method for every task, without options, that saves a plain checkpoint.

    Plug-ins override what differs. PyTorch is imported only when a model is saved or loaded.
    """

    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options: ClassVar[type[Section]] = NoOptions
    defaults: ClassVar[Mapping[str, Any]] = {}
    beside: Mapping[str, Mapping[str, Outputs]] = {}
    search_space: ClassVar[Mapping[str, Any]] = {}
    reads_unlabelled: ClassVar[bool] = False
    reads_anew: ClassVar[bool] = False  # whether its steps read the training texts in every epoch
    learns_soft_labels: ClassVar[bool] = False  # whether its steps take the targets that there are
    options: Any

    def __init__(self, options: Section):
        self.options = options

    def save(self, model: Model, processor: Tokenizer | None, folder: Path) -> None:
        """Write the model and its processor to `folder`."""
        from luthier.models.load import save_model

        save_model(model, processor, folder)

    def load(self, folder: Path) -> tuple[Model, Tokenizer | None]:
        """Load the model, ready to predict, and its processor."""
        from luthier.models.load import load_saved

        return load_saved(folder)


class SingleLabelMethod(PlainCheckpoint):
    """A method for tasks that give each text one label."""

    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label"})


class AlignedOptions(Section):
    """Texts of a second domain, and how much they count."""

    target: str | None = Field(
        None, description="File of target texts; the same as data.unlabelled, and given once."
    )
    weight: float = Field(
        1.0, gt=0, description="Weight of the domains' distance beside the mean loss."
    )


class AlignedMethod(PlainCheckpoint):
    """A method that brings a second domain, without labels, to that of the labelled rows."""

    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label"})
    reads_unlabelled: ClassVar[bool] = True
    learns_soft_labels: ClassVar[bool] = True
