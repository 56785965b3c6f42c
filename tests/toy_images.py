"""A task on images: one file and one catalogue line beside those of `inputs/image.py`."""

import numpy as np

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.single_label import SingleLabel


class ToyImages(SingleLabel):
    """Tell images that are bright on the left from those that are bright on the right."""

    name = "toy-images"
    columns = (Column("image", "image", ("image",)), Column("label", "label", ("label",)))
    auto_model = "AutoModelForImageClassification"
    hub_task = "image-classification"
    baselines = ("majority",)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 noisy images of 8 x 8 pixels in three colours."""
        random = np.random.default_rng(0)
        images, labels = [], []
        for n in range(80):
            pixels = random.integers(0, 90, size=(8, 8, 3))
            half = slice(0, 4) if n % 2 else slice(4, 8)
            pixels[:, half] += 150
            images.append(pixels.astype(np.uint8))
            labels.append("left" if n % 2 else "right")
        return Rows.of({"image": images, "label": labels}, name="toy")
