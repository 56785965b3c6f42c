"""Which images look alike: whether each place of a small copy is brighter than its right neighbour.

The difference hash of Zauner 2010, "Implementation and benchmarking of perceptual image hash
functions", section 3, in 16 x 16 places: it survives other sizes, formats and colours. Differences
that nobody sees count as none, so that flat grounds and the noise of JPEG do not decide.
"""

from __future__ import annotations

import numpy as np

from luthier.media.images import load_pillow
from luthier.ragged import Array

SIDE = 16  # places, so that there are 256 differences
SEEN = 4  # levels of grey, of 255, that differ to the eye
FEWEST = 24  # differences of an image that says enough to be compared
MOST_APART = 24  # differences between images that look alike; a JPEG of another size has fewer


def looks_of(pixels: Array) -> Array | None:
    """Describe how an image (height, width, 3) looks, bool (512,); None where it is too plain."""
    library = load_pillow().Image
    grey = library.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((SIDE + 1, SIDE), library.Resampling.BOX), dtype=np.int16)
    rise = np.diff(small, axis=1).reshape(-1)
    if (np.abs(rise) > SEEN).sum() < FEWEST:
        return None
    return np.concatenate([rise > SEEN, rise < -SEEN])


def stacked(looks: list[Array]) -> Array:
    """Lay what `looks_of` gave of several images below one another, bool (images, 512)."""
    return np.array(looks, dtype=bool).reshape(len(looks), 2 * SIDE * SIDE)


def alike(looks: Array, others: Array) -> Array:
    """Return for every image whether one of the others looks like it, bool (images,).

    Args:
        looks: As `looks_of` gives them, bool (images, 512).
        others: The same of the others.
    """
    if not len(looks) or not len(others):
        return np.zeros(len(looks), dtype=bool)
    one, two = looks.astype(np.float32), others.astype(np.float32)
    apart = one.sum(axis=1)[:, None] + two.sum(axis=1) - 2 * one @ two.T
    return np.asarray(apart.min(axis=1) <= MOST_APART)
