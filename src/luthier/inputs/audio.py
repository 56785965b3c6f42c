"""`audio`: cells that are sounds, in files, as bytes or as samples, decoded for each batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from luthier.columns import Encoding, Limits, Part, Shown
from luthier.errors import DataError
from luthier.items import Files, ItemField
from luthier.media.sounds import ENDINGS, as_wave, one_channel, samples_of
from luthier.ragged import Array

RATE = 16_000  # samples a second, in which explanations leave stretches out
FRAMES = 50  # tokens that a second of sound costs, as encoders of speech count
MASK = "attention_mask"


class Audio:
    """A sound as the model's feature extractor makes it: samples, or frames of a spectrogram."""

    name: ClassVar[str] = "audio"
    is_text: ClassVar[bool] = False
    endings: ClassVar[tuple[str, ...]] = ENDINGS

    def load_processor(self, model: str, **options: Any) -> Any:
        """Load the model's feature extractor.

        Raises:
            DataError: It has none, so nothing says how its sounds are sampled.
        """
        from luthier.models.media_processor import load_media_processor

        made = load_media_processor(model, **options)
        if made is None or not hasattr(made, "sampling_rate"):
            raise DataError(
                "The model does not say how it hears sounds.",
                received=f"{model}: no preprocessor_config.json with a sampling_rate",
                hint="a model of speech or sound, such as one of wav2vec2's family",
            )
        return made

    def encode(self, columns: Sequence[Sequence[Any]], processor: Any, limits: Limits) -> Encoding:
        """Turn one column of sounds into a model argument; each is opened when a batch needs it.

        Models that read no attention mask are given sounds of one length, filled with silence: so
        an answer does not depend on the rows beside it.

        Raises:
            DataError: There are several columns.
        """
        if len(columns) != 1:
            raise DataError(
                "A row has one sound.",
                received=f"{len(columns)} columns of sounds",
                hint="one column of kind audio in the task",
            )
        cost = np.full(len(columns[0]), round(FRAMES * limits.max_seconds), dtype=np.int64)
        read = partial(heard, processor=processor, max_seconds=limits.max_seconds)
        mask = MASK if getattr(processor, "return_attention_mask", False) else None
        field = ItemField(Files(columns[0], read), mask=mask)
        return Encoding({processor.model_input_names[0]: field}, cost, cost, cost)

    def show(self, cell: object) -> Shown:
        """Show the name of a sound's file, or the number and a digest of its samples."""
        if isinstance(cell, str):
            return Shown("audio", cell)
        held = cell if isinstance(cell, bytes) else np.ascontiguousarray(cell).tobytes()
        return Shown("audio", {"bytes": len(held), "sha256": hashlib.sha256(held).hexdigest()})

    def parts(self, cell: Any, limits: Limits) -> list[Part]:
        """List up to ten stretches of at least a tenth of a second; one left out is silent."""
        is_array = isinstance(cell, np.ndarray)  # at the model's rate, whatever that is
        samples = one_channel(cell) if is_array else samples_of(cell, rate=RATE, max_seconds=60)
        samples = samples[: round(limits.max_seconds * RATE)]
        n_parts = min(10, max(1, len(samples) * 10 // RATE))
        found = []
        for first, past in pairwise(np.linspace(0, len(samples), n_parts + 1).astype(int)):
            without = samples.copy()
            without[first:past] = 0.0
            name = f"{first / RATE:.1f}–{past / RATE:.1f}s"
            found.append(Part(name, without if is_array else as_wave(without, RATE)))
        return found


def heard(source: Any, *, processor: Any, max_seconds: float) -> Array:
    """Read a sound as a model takes it: (samples,), or frames (frames, bands).

    Raises:
        DataError: There is no sound, or it cannot be read.
    """
    if source is None:
        raise DataError(
            "A row has no sound.",
            received="an empty cell",
            hint="leave the row out, or name a file",
        )
    rate = int(processor.sampling_rate)
    samples = samples_of(source, rate=rate, max_seconds=max_seconds)
    made = processor(samples, sampling_rate=rate, return_tensors="np")
    values = np.asarray(made[processor.model_input_names[0]][0], dtype=np.float32)
    if values.ndim > 1 or getattr(processor, "return_attention_mask", False):
        return values
    filled = np.zeros(round(max_seconds * rate), dtype=np.float32)
    filled[: len(values)] = values[: len(filled)]
    return filled
