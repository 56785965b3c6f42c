"""`image`: cells that are pixels, as arrays in memory or as `.npy` files beside the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from luthier.columns import Encoding, Limits, Shown
from luthier.errors import DataError
from luthier.items import Files, ItemField
from luthier.ragged import Array

PATCH = 256  # pixels that cost as much as a token: a patch of 16 x 16


class Image:
    """Pixels (height, width, channels): bytes from 0 to 255, or floats as the model reads them."""

    name: ClassVar[str] = "image"
    is_text: ClassVar[bool] = False

    def load_processor(self, model: str, **options: Any) -> None:
        """Load nothing: pixels are given in the size that the model reads."""

    def encode(
        self, columns: Sequence[Sequence[Any]], processor: object, limits: Limits
    ) -> Encoding:
        """Turn one column of images into `pixel_values`, (items, channels, height, width).

        Raises:
            DataError: There are several columns, or an image is no array of three axes.
        """
        if len(columns) != 1:
            raise DataError(
                "A row has one image.",
                received=f"{len(columns)} columns of images",
                hint="one column of kind image in the task",
            )
        (cells,) = columns
        if len(cells) and isinstance(cells[0], str):
            values: Array | Files = Files([str(cell) for cell in cells], read_image)
            cost = np.ones(len(cells), dtype=np.int64)
        else:
            images = [channels_first(cell, f"row {index}") for index, cell in enumerate(cells)]
            values = np.stack(images) if images else np.zeros((0, 1, 1, 1), dtype=np.float32)
            pixels = values.shape[2] * values.shape[3]
            cost = np.full(len(cells), max(1, pixels // PATCH), dtype=np.int64)
        return Encoding({"pixel_values": ItemField(values)}, cost, cost, cost)

    def show(self, cell: object) -> Shown:
        """Show the size of an image and a digest of its pixels, or the name of its file."""
        if isinstance(cell, str):
            return Shown("image", cell)
        pixels = np.ascontiguousarray(cell)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        return Shown("image", {"shape": list(pixels.shape), "sha256": digest})


def read_image(path: str) -> Array:
    """Read an image from a `.npy` file.

    Raises:
        DataError: The file cannot be read, or holds no image.
    """
    try:
        pixels = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise DataError(
            "The image cannot be read.", received=f"{path}: {problem}", hint="a .npy file of pixels"
        ) from problem
    return channels_first(pixels, path)


def channels_first(cell: object, where: str) -> Array:
    """Turn pixels (height, width, channels) into float32 (channels, height, width).

    Raises:
        DataError: They are no array of three axes.
    """
    try:
        pixels = np.asarray(cell)
    except ValueError:  # rows of unequal length
        pixels = np.zeros(0)
    if pixels.ndim != 3 or pixels.dtype.kind not in "fiub":
        raise DataError(
            f"The image at {where} is no array of pixels.",
            received=f"shape {pixels.shape}, {pixels.dtype}",
            hint="an array (height, width, channels)",
        )
    scaled = pixels / 255 if pixels.dtype == np.uint8 else pixels
    return scaled.transpose(2, 0, 1).astype(np.float32)
