"""A frozen encoder of images or sounds: one vector for each file, computed once.

    source ─► processor ─► encoder ─► mean of its last states (width,)

It is not trained: it prepares inputs, as a tokenizer does, and is saved beside the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel

from luthier.columns import Input, Limits
from luthier.errors import ModelError
from luthier.media.heads import digest_of
from luthier.models.identity import digest, processor_digest
from luthier.models.kept_vectors import kept_vectors
from luthier.models.load import config_at, quietly
from luthier.models.locate import locate
from luthier.models.media_processor import FILE, load_media_processor
from luthier.models.pooling import mean_of_places
from luthier.models.safety import telling_what_failed
from luthier.models.weights import SAFELY
from luthier.padding import pad
from luthier.ragged import Array
from luthier.reported import counted


class MediaEncoder:
    """An encoder with its processor.

    Args:
        model: Any encoder of Transformers, without a head.
        processor: Its image processor or feature extractor.
    """

    def __init__(self, model: Any, processor: Any):
        self.model, self.processor = model.eval().requires_grad_(False), processor
        self.digest = f"{digest(model, ())} {processor_digest(processor)}"
        self.width = int(getattr(model.config, "hidden_size", 0) or _widest(model.config))

    @classmethod
    def load(cls, name: str, **source: Any) -> MediaEncoder:
        """Load an encoder by a hub id, a folder or `package:NAME`.

        Raises:
            ModelError: It cannot be read, or prepares neither images nor sounds.
        """
        processor = load_media_processor(name, **source)
        if processor is None:
            raise ModelError(
                "An encoder of images or sounds says how these are prepared.",
                received=f"{name}: no {FILE}",
                hint="an encoder with an image processor or a feature extractor; without one: "
                "thumbnail for images, spectrum for sounds",
            )
        ignored = bool(source.get("ignore_unsafe_files"))
        place = locate(name, ignore_unsafe_files=ignored)
        revision = source.get("revision")
        with quietly(), telling_what_failed(name):
            config = config_at(place, revision=revision)
            model = AutoModel.from_pretrained(place, config=config, revision=revision, **SAFELY)
        return cls(getattr(model, "vision_model", model), processor)

    def save_pretrained(self, folder: Path) -> None:
        """Write a plain checkpoint of the encoder, and its processor."""
        with quietly():
            self.model.save_pretrained(folder)
        self.save_processor(folder)

    def save_processor(self, folder: Path) -> None:
        """Write what prepares files for the encoder."""
        self.processor.save_pretrained(folder)

    def vectors(self, sources: Sequence[Any], kind: Input, limits: Limits) -> Array:
        """Encode files, (rows, width); zeros where there is none.

        Args:
            sources: What to open for each row; None: nothing.
            kind: Makes model arguments of sources.
            limits: How much of a sound is read.

        Raises:
            DataError: A file cannot be read.
        """
        found = np.zeros((len(sources), self.width), dtype=np.float32)
        about = f"{self.digest} {kind.name} {limits.max_seconds}"
        kept = kept_vectors(hashlib.sha256(about.encode()).hexdigest(), self.width)
        for row, source in enumerate(counted(f"encoding {kind.name}", sources)):
            if source is None:
                continue
            held = digest_of(source)
            if held not in kept.known:
                kept.keep(held, self._encode(source, kind, limits))
            found[row] = kept.known[held]
        kept.write()
        return found

    @torch.no_grad()
    def _encode(self, source: Any, kind: Input, limits: Limits) -> Array:
        """Encode a file by itself, so that its vector depends on no other, not by a bit."""
        fields = kind.encode([[source]], self.processor, limits).fields
        batch = pad(fields, np.arange(1))
        vector = mean_of_places(self.model, {k: torch.from_numpy(v) for k, v in batch.items()})
        return np.asarray(vector[0])


def _widest(config: Any) -> int:
    """Read the width of encoders made of convolutions, which have several."""
    widths = getattr(config, "hidden_sizes", None)
    if not widths:
        raise ModelError(
            "The encoder does not say how wide its states are.",
            received=str(config.model_type),
            hint="an encoder with hidden_size, such as a vision transformer",
        )
    return int(widths[-1])
