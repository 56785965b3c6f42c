"""`image-classification`: one picture, one label."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.media_level import MediaLevel


class ImageClassification(MediaLevel):
    """One picture, one label."""

    name: ClassVar[str] = "image-classification"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("image", "image", ("image", "picture", "photo", "file_name", "path")),
        Column("label", "label", ("label", "category", "class", "digit", "kind")),
    )
    auto_model: ClassVar[str] = "AutoModelForImageClassification"
    hub_task: ClassVar[str] = "image-classification"

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 noisy images of 16 x 16 pixels: bright on the left, or on the right."""
        random = np.random.default_rng(0)
        images, labels = [], []
        for n in range(80):
            pixels = random.integers(0, 90, size=(16, 16, 3))
            half = slice(0, 8) if n % 2 else slice(8, 16)
            pixels[:, half] += 150
            images.append(pixels.astype(np.uint8))
            labels.append("left" if n % 2 else "right")
        return Rows.of({"image": images, "label": labels}, name="toy")
