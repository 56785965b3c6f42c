"""What the beginning of a file tells of its image or sound, without decoding it."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from luthier.errors import DataError
from luthier.media import images, sounds
from luthier.media.files import MOST_PIXELS, MOST_SECONDS, opened, unreadable
from luthier.ragged import Array

ENDINGS_OF = {  # a file's format, and how names of such files end
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WAV": (".wav",),
    "WAVEX": (".wav",),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga"),
    "MP3": (".mp3",),
    "MPEG": (".mp3",),
}
SILENT = 1e-4  # loudest sample of a sound that nobody hears
PIECE = 1 << 20


@dataclass(frozen=True)
class Head:
    """What a file says of itself.

    Args:
        format: Its format; "" for arrays in memory.
        seconds: Length of a sound; None for images.
        ending: The ending of its name, where it is not one of its format; "" where it is.
    """

    format: str = ""
    seconds: float | None = None
    ending: str = ""


def head_of(source: Any, kind: str) -> Head:
    """Read the head of a file.

    Args:
        source: A path, bytes or an array.
        kind: `image` or `audio`.

    Raises:
        DataError: The file is not there, is of another format, or is too large.
    """
    if isinstance(source, np.ndarray) or str(source).lower().endswith(".npy"):
        return Head()
    with opened(source) as file:
        return _of_sound(source, file) if kind == "audio" else _of_image(source, file)


def _of_sound(source: Any, file: IO[bytes]) -> Head:
    library = sounds.load_soundfile()
    try:
        about = library.info(file)
    except sounds.damage_of(library) as problem:
        raise unreadable(source, str(problem), sounds.FORMATS[:4]) from problem
    if about.format not in sounds.FORMATS or not about.frames:
        why = f"the format {about.format}" if about.frames else "it has no samples"
        raise unreadable(source, why, sounds.FORMATS[:4])
    return Head(about.format, about.frames / about.samplerate, _lie(source, about.format))


def _of_image(source: Any, file: IO[bytes]) -> Head:
    library = images.load_pillow().Image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = library.open(file, formats=images.FORMATS)
        except (OSError, ValueError, SyntaxError, library.DecompressionBombError) as problem:
            raise unreadable(source, images.why(problem), images.FORMATS) from problem
    if image.width * image.height > MOST_PIXELS:
        raise unreadable(source, f"{image.width} x {image.height} pixels, at most 50 million")
    return Head(image.format, None, _lie(source, image.format))


def _lie(source: Any, found: str) -> str:
    """Return the ending of a name that says another format than the file has."""
    if not isinstance(source, str):
        return ""
    ending = "." + source.rpartition(".")[2].lower() if "." in source else ""
    return "" if ending in ENDINGS_OF.get(found, ()) or not ending else ending


def decoded_of(source: Any, kind: str) -> Array:
    """Decode a whole image, (height, width, 3), or sound, (samples,).

    Raises:
        DataError: It cannot be decoded.
    """
    if kind == "audio":
        return sounds.samples_of(source, rate=8000, max_seconds=MOST_SECONDS)
    return images.pixels_of(source)


def is_blank(decoded: Array, kind: str) -> bool:
    """Return whether a decoded image has one colour, or a sound is silent."""
    if kind == "audio":
        return float(np.abs(decoded).max(initial=0.0)) < SILENT
    return bool((decoded == decoded[:1, :1]).all())


def digest_of(source: Any) -> bytes:
    """Digest what a file holds, so that copies are found under any name; b"" where nothing is."""
    if source is None:
        return b""
    digest = hashlib.sha256()
    if isinstance(source, np.ndarray):
        digest.update(repr((source.shape, source.dtype.str)).encode())
        digest.update(np.ascontiguousarray(source).tobytes())
        return digest.digest()
    try:
        with opened(source) as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except DataError:  # which another check tells of
        digest.update(str(source).encode("utf-8", "replace"))
    return digest.digest()
