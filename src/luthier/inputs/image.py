"""`image`: cells that are pictures, in files, as bytes or as arrays, decoded for each batch."""

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
from luthier.media.images import ENDINGS, pixels_of
from luthier.ragged import Array

GRID = 4  # regions along each side that explanations leave out
FRAMES = 196  # tokens that an image costs: patches of 16 x 16 of 224 x 224 pixels


class Image:
    """A picture as `pixel_values`, (channels, height, width), made by the model's processor."""

    name: ClassVar[str] = "image"
    is_text: ClassVar[bool] = False
    endings: ClassVar[tuple[str, ...]] = ENDINGS  # of files; cells of such kinds are media

    def load_processor(self, model: str, **options: Any) -> Any:
        """Load the model's image processor; None where it has none, and pixels are taken as is."""
        from luthier.models.media_processor import load_media_processor

        return load_media_processor(model, **options)

    def encode(self, columns: Sequence[Sequence[Any]], processor: Any, limits: Limits) -> Encoding:
        """Turn one column of images into `pixel_values`; each is opened when a batch needs it.

        Raises:
            DataError: There are several columns.
        """
        if len(columns) != 1:
            raise DataError(
                "A row has one image.",
                received=f"{len(columns)} columns of images",
                hint="one column of kind image in the task",
            )
        cost = np.full(len(columns[0]), FRAMES, dtype=np.int64)
        read = partial(pixel_values, processor=processor)
        return Encoding({"pixel_values": ItemField(Files(columns[0], read))}, cost, cost, cost)

    def show(self, cell: object) -> Shown:
        """Show the name of an image's file, or the size and a digest of its pixels."""
        if isinstance(cell, str):
            return Shown("image", cell)
        pixels = np.ascontiguousarray(pixels_of(cell) if isinstance(cell, bytes) else cell)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        return Shown("image", {"shape": list(pixels.shape), "sha256": digest})

    def parts(self, cell: Any, limits: Limits) -> list[Part]:
        """List 4 x 4 regions, A1 to D4 from the top left; one left out has the mean colour."""
        pixels, found = cell if is_ready(cell) else pixels_of(cell), []
        mean = pixels.mean(axis=(0, 1)).astype(pixels.dtype)
        rows, columns = (np.linspace(0, size, GRID + 1).astype(int) for size in pixels.shape[:2])
        for (top, bottom), row in zip(pairwise(rows), "ABCD", strict=True):
            for column, (left, right) in enumerate(pairwise(columns), start=1):
                without = pixels.copy()
                without[top:bottom, left:right] = mean
                found.append(Part(f"{row}{column}", without))
        return found


def pixel_values(source: Any, *, processor: Any) -> Array:
    """Read an image as a model takes it, (channels, height, width), float32.

    Without a processor, floats are taken as they are, and bytes are divided by 255.

    Raises:
        DataError: There is no image, or it cannot be read.
    """
    if source is None:
        raise DataError(
            "A row has no image.",
            received="an empty cell",
            hint="leave the row out, or name a file",
        )
    if processor is not None:
        made = processor(
            images=[pixels_of(source)], input_data_format="channels_last", return_tensors="np"
        )
        return np.asarray(made["pixel_values"][0], dtype=np.float32)
    pixels = source if is_ready(source) else pixels_of(source) / 255.0
    return pixels.transpose(2, 0, 1).astype(np.float32)


def is_ready(source: Any) -> bool:
    """Return whether a source is an array of floats, which a model without processor takes."""
    return isinstance(source, np.ndarray) and source.ndim == 3 and source.dtype.kind == "f"
