"""Saving a trained model as a plain Hugging Face checkpoint, and reading it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class PlainCheckpoint:
    """The half of a method that leaves a plain checkpoint behind, with heads of our own beside it.

    Nothing of PyTorch is imported before a model is saved or read.
    """

    def save(self, model: Any, processor: Any, folder: Path) -> None:
        """Write the model and its processor to `folder`."""
        from luthier.models.load import save_model

        save_model(model, processor, folder)

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read back the model, ready to predict, and its processor."""
        from luthier.models.load import load_saved

        return load_saved(folder)
