"""Opens a sound as a model hears it: one channel, at the model's rate, no longer than asked.

source ─► header (format, length) ─► samples (samples,), from -1 to 1
"""

from __future__ import annotations

import io
from math import gcd
from typing import Any

import numpy as np

from luthier.media.files import MOST_RATE, MOST_SECONDS, not_installed, opened, unreadable
from luthier.ragged import Array

FORMATS = ("WAV", "FLAC", "OGG", "MP3", "WAVEX", "MPEG")
ENDINGS = (".wav", ".flac", ".ogg", ".mp3")


def samples_of(source: Any, *, rate: int, max_seconds: float) -> Array:
    """Read a sound.

    Args:
        source: A path, the bytes of a file, or samples at `rate`, (samples,) or
            (samples, channels).
        rate: Samples a second of what is returned.
        max_seconds: What is read of it, from its beginning.

    Returns:
        Samples of the mean of all channels, (samples,), float32.

    Raises:
        DataError: The file is not there, is damaged, is empty, or is of another format.
    """
    most = round(max_seconds * rate)
    if isinstance(source, np.ndarray):
        return one_channel(source)[:most]
    library = load_soundfile()
    with opened(source) as file:
        try:
            with library.SoundFile(file) as sound:
                about = (sound.format, sound.frames, sound.samplerate)
                if sound.format not in FORMATS:
                    raise unreadable(source, f"the format {sound.format}", FORMATS[:4])
                if sound.samplerate > MOST_RATE:
                    raise unreadable(source, f"{sound.samplerate:,} samples a second")
                if sound.frames > MOST_SECONDS * sound.samplerate:
                    raise unreadable(source, f"{about[1] / about[2] / 60:.0f} minutes of sound")
                most_frames = min(sound.frames, round(max_seconds * sound.samplerate))
                heard = sound.read(most_frames, dtype="float32", always_2d=True)
        except damage_of(library) as problem:
            raise unreadable(source, str(problem), FORMATS[:4]) from problem
    if not len(heard):
        raise unreadable(source, "it has no samples", FORMATS[:4])
    return resampled(one_channel(heard), about[2], rate)[:most]


def load_soundfile() -> Any:
    """Import soundfile.

    Raises:
        DataError: It is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as problem:  # the latter where its library is not found
        raise not_installed(ImportError(str(problem))) from problem
    return soundfile


def damage_of(library: Any) -> tuple[type[Exception], ...]:
    """Return what soundfile raises of damaged files, which may say that they are enormous."""
    others = (RuntimeError, MemoryError, ZeroDivisionError, io.UnsupportedOperation)
    return library.LibsndfileError, *others


def one_channel(samples: Array) -> Array:
    """Average the channels; whole numbers are scaled to -1 … 1.

    Raises:
        DataError: It is no array of one or two axes.
    """
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu" or not samples.size:
        raise unreadable(samples, f"an array of shape {samples.shape}, {samples.dtype}")
    if samples.dtype.kind in "iu":
        samples = samples / float(np.iinfo(samples.dtype).max)
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    return np.nan_to_num(mono.astype(np.float32))


def as_wave(samples: Array, rate: int) -> bytes:
    """Write samples (samples,) as the bytes of a WAV file."""
    held = io.BytesIO()
    load_soundfile().write(held, samples, rate, format="WAV")
    return held.getvalue()


def resampled(samples: Array, before: int, after: int) -> Array:
    """Change the rate of samples by a polyphase filter."""
    if before == after:
        return samples
    from scipy.signal import resample_poly

    shared = gcd(before, after)
    made: Array = resample_poly(samples.astype(np.float64), after // shared, before // shared)
    return made.astype(np.float32)
