"""A frozen encoder of images or sounds: one vector for each file, computed once.

    source ─► processor ─► encoder ─► mean of its last states (width,)

It is not trained: it prepares inputs, as a tokenizer does, and is saved beside the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel

from luthier.columns import Input, Limits
from luthier.errors import ModelError
from luthier.media.heads import digest_of
from luthier.models.identity import digest
from luthier.models.load import config_at, quietly
from luthier.models.locate import locate
from luthier.models.media_processor import FILE, load_media_processor
from luthier.models.safety import telling_what_failed
from luthier.models.weights import SAFELY
from luthier.padding import pad
from luthier.ragged import Array

AT_ONCE = 16  # files that are encoded together
MOST_KEPT = 200_000  # vectors that are remembered, so that studies do not compute them again


class MediaEncoder:
    """An encoder with its processor, and the vectors that it has computed.

    Args:
        model: Any encoder of Transformers, without a head.
        processor: Its image processor or feature extractor.
    """

    kept: dict[tuple[str, float, bytes], Array] = {}  # noqa: RUF012 - shared by all in this process

    def __init__(self, model: Any, processor: Any):
        self.model, self.processor = model.eval().requires_grad_(False), processor
        self.digest = digest(model, ())
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
        keys = [(self.digest, limits.max_seconds, digest_of(source)) for source in sources]
        absent = [
            row
            for row, source in enumerate(sources)
            if source is not None and keys[row] not in self.kept
        ]
        for start in range(0, len(absent), AT_ONCE):
            rows = absent[start : start + AT_ONCE]
            fields = kind.encode([[sources[row] for row in rows]], self.processor, limits).fields
            batch = pad(fields, np.arange(len(rows)))
            for row, vector in zip(rows, self._encode(batch), strict=True):
                self.kept[keys[row]] = vector
        for row, source in enumerate(sources):
            if source is not None:
                found[row] = self.kept[keys[row]]
        if len(self.kept) > MOST_KEPT:
            self.kept.clear()
        return found

    @torch.no_grad()
    def _encode(self, batch: dict[str, Array]) -> Array:
        outputs = self.model(**{name: torch.from_numpy(one) for name, one in batch.items()})
        states: torch.Tensor = outputs.last_hidden_state  # (batch, places, width) or an image
        if states.ndim == 4:  # of convolutions: (batch, width, height, width of the image)
            return np.asarray(states.mean(dim=(2, 3)))
        mask = batch.get("attention_mask")
        if mask is None or not hasattr(self.model, "_get_feature_vector_attention_mask"):
            return np.asarray(states.mean(dim=1))
        heard = self.model._get_feature_vector_attention_mask(
            states.shape[1], torch.from_numpy(mask)
        )
        weights = heard.to(states.dtype)[..., None]
        return np.asarray((states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1))


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
