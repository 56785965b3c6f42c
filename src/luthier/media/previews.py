"""Small copies of images and sounds for a page that is one file: decoded, and encoded again.

Nothing of the original file reaches the page: no metadata, no other format, no more than a few
kilobytes.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from luthier.errors import DataError
from luthier.media.images import load_pillow, pixels_of
from luthier.media.sounds import as_wave, samples_of

SIDE = 96  # pixels of the longer side
QUALITY = 70  # of JPEG
RATE, SECONDS = 8_000, 4.0  # of sounds: at most 64 kB


def preview_of(source: Any, kind: str) -> str | None:
    """Make a data URI of a small copy; None where there is nothing that can be read.

    Args:
        source: A path, bytes or an array.
        kind: `image` or `audio`.
    """
    if source is None:
        return None
    try:
        made = image(source) if kind == "image" else sound(source)
    except DataError:
        return None
    kinds = {"image": "image/jpeg", "audio": "audio/wav"}
    return f"data:{kinds[kind]};base64,{base64.b64encode(made).decode('ascii')}"


def image(source: Any) -> bytes:
    """Write an image of at most 96 x 96 pixels as JPEG."""
    small = load_pillow().Image.fromarray(pixels_of(source))
    small.thumbnail((SIDE, SIDE))
    held = io.BytesIO()
    small.save(held, "JPEG", quality=QUALITY)
    return held.getvalue()


def sound(source: Any) -> bytes:
    """Write the first four seconds of a sound as WAV, one channel at 8 kHz."""
    samples = samples_of(source, rate=RATE, max_seconds=SECONDS)
    return as_wave(np.clip(samples, -1.0, 1.0), RATE)
