"""Opens an image as people see it: turned upright, on white, in three colours.

source ─► header (format, size) ─► pixels (height, width, 3), bytes
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from luthier.media.files import MOST_PIXELS, not_installed, opened, unreadable
from luthier.ragged import Array

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".npy")


def pixels_of(source: Any) -> Array:
    """Read an image.

    Args:
        source: A path, the bytes of a file, or pixels (height, width) or (height, width, channels).

    Returns:
        Pixels from 0 to 255, (height, width, 3). Transparent places are white; of moving images it
        is the first picture.

    Raises:
        DataError: The file is not there, is damaged, is too large, or is of another format.
    """
    if isinstance(source, np.ndarray):
        return colours_of(source)
    if isinstance(source, str) and source.lower().endswith(".npy"):
        return colours_of(stored(source))
    pillow = load_pillow()
    with opened(source) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are checked below
        try:
            with pillow.Image.open(file, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise unreadable(source, f"{width} x {height} pixels, at most 50 million")
                shown = pillow.ImageOps.exif_transpose(image)
                return on_white(pillow.Image, shown)
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as problem:
            raise unreadable(source, why(problem), FORMATS) from problem
        except pillow.Image.DecompressionBombError as problem:
            raise unreadable(source, why(problem), FORMATS) from problem


def load_pillow() -> Any:
    """Import Pillow, with its modules that are used.

    Raises:
        DataError: It is not installed.
    """
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as problem:
        raise not_installed(problem) from problem
    return PIL


def why(problem: Exception) -> str:
    """Say why a file is no image."""
    return "it is no image" if "cannot identify" in str(problem) else str(problem)


def on_white(library: Any, image: Any) -> Array:
    """Flatten transparent places on white, and turn any colours into red, green and blue."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return colours_of(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        ground = library.new("RGBA", seen.size, "white")
        image = library.alpha_composite(ground, seen)
    return np.asarray(image.convert("RGB"))


def stored(path: str) -> Array:
    """Read pixels from a `.npy` file.

    Raises:
        DataError: The file cannot be read.
    """
    with opened(path) as file:
        try:
            return np.asarray(np.load(file, allow_pickle=False))
        except (ValueError, EOFError, OSError, MemoryError) as problem:
            raise unreadable(path, str(problem), [".npy"]) from problem


def colours_of(pixels: Array) -> Array:
    """Turn pixels of any depth, with one channel or four, into bytes of three colours.

    Raises:
        DataError: They are no array of two or three axes.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.dtype.kind not in "fiub" or pixels.shape[2] not in (1, 3, 4):
        raise unreadable(
            pixels, f"an array of shape {pixels.shape}, {pixels.dtype}; not (height, width, 3)"
        )
    if pixels.dtype.kind == "f":
        pixels = np.clip(np.nan_to_num(pixels), 0.0, 1.0) * 255.0
    elif pixels.dtype.itemsize > 1 and pixels.size and int(pixels.max()) > 255:
        pixels = pixels.astype(np.float64) / 257.0  # 16 bits to 8
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
