"""Descriptions of images and sounds that need no model: what any encoder should beat.

`thumbnail` is an image of 8 x 8 pixels; `spectrum` the mean and the spread of a sound's energy in
40 bands of the mel scale (Davis & Mermelstein 1980, https://doi.org/10.1109/TASSP.1980.1163420,
without the cosine transform).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from luthier.media.images import load_pillow, pixels_of
from luthier.media.sounds import samples_of
from luthier.ragged import Array

SIDE = 8
RATE, FRAME, STEP, BANDS = 16_000, 400, 160, 40  # hertz, samples, samples, number


def thumbnail(source: Any, max_seconds: float) -> Array:
    """Describe an image by its colours in 8 x 8 places, from -1 to 1, (192,)."""
    library = load_pillow().Image
    image = library.fromarray(pixels_of(source))
    small = np.asarray(image.resize((SIDE, SIDE), library.Resampling.BOX), dtype=np.float32)
    return (small / 127.5 - 1.0).reshape(-1)


def spectrum(source: Any, max_seconds: float) -> Array:
    """Describe a sound by mean and spread over time of its log energy in bands, (80,)."""
    samples = samples_of(source, rate=RATE, max_seconds=max_seconds)
    samples = np.pad(samples, (0, max(0, FRAME - len(samples))))
    starts = np.arange(0, len(samples) - FRAME + 1, STEP)
    frames = samples[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME)  # (frames, samples)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    energy = np.log(power @ mel_bands().T + 1e-8)  # (frames, bands)
    return np.concatenate([energy.mean(axis=0), energy.std(axis=0)]).astype(np.float32)


@cache
def mel_bands() -> Array:
    """Make triangular filters, evenly spaced on the mel scale, (bands, frequencies)."""
    most = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, most, BANDS + 2) / 2595) - 1)  # hertz
    hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
    rise = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rise, fall))


DESCRIPTORS: dict[str, tuple[str, int, Callable[[Any, float], Array]]] = {
    "thumbnail": ("image", 3 * SIDE * SIDE, thumbnail),
    "spectrum": ("audio", 2 * BANDS, spectrum),
}
