"""An encoder without weights: see `media/descriptors.py`. Beside `media_encoder.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from luthier.columns import Input, Limits
from luthier.errors import ModelError
from luthier.media.descriptors import DESCRIPTORS
from luthier.ragged import Array
from luthier.reported import counted

DESCRIPTION = "descriptor.json"  # in a saved model's folder


class MediaDescriptor:
    """A description of images or sounds, in the place of an encoder.

    Args:
        name: `thumbnail` or `spectrum`.
    """

    def __init__(self, name: str):
        self.kind, self.width, self.describe = DESCRIPTORS[name]
        self.name = self.digest = name

    @classmethod
    def read(cls, folder: Path) -> MediaDescriptor:
        """Read what `save_pretrained` wrote.

        Raises:
            ModelError: There is no such description.
        """
        from luthier.models.safety import read_json  # an exported model reads none

        name = str(read_json(folder / DESCRIPTION).get("name"))
        if name not in DESCRIPTORS:
            raise ModelError(
                "There is no such description of images or sounds.",
                received=f"{folder / DESCRIPTION}: {name[:60]}",
                hint="copy the run's model folder whole, or run the recipe again",
            )
        return cls(name)

    def save_pretrained(self, folder: Path) -> None:
        """Write its name."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION).write_text(json.dumps({"name": self.name}), encoding="utf-8")

    def vectors(self, sources: Sequence[Any], kind: Input, limits: Limits) -> Array:
        """Describe files, (rows, width); zeros where there is none.

        Raises:
            DataError: A file cannot be read.
            ModelError: It describes another kind of input.
        """
        if kind.name != self.kind:
            raise ModelError(
                f"{self.name} describes inputs of kind {self.kind}.",
                received=f"an input of kind {kind.name}",
                hint=f"task.options.encoders={{{kind.name}: "
                f"{next(one for one, about in DESCRIPTORS.items() if about[0] == kind.name)}}}",
            )
        found = np.zeros((len(sources), self.width), dtype=np.float32)
        for row, source in enumerate(counted(f"describing {kind.name}", sources)):
            if source is not None:
                found[row] = self.describe(source, limits.max_seconds)
        return found
