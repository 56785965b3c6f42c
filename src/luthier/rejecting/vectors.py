"""The vectors that a model's head reads of rows, for distances to the means of labels."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from luthier.codec import Codec
from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.items import Items
from luthier.ragged import Array
from luthier.records import StepInfo


def vectors_of(
    model: Model, codec: Codec, items: Items, *, batch_size: int, phase: str
) -> Generator[StepInfo, None, Array | None]:
    """Compute what the head reads of each row; windows of a row are averaged.

    Returns:
        (rows, width) float64; None where the head reads no single vector.
    """
    from luthier.frozen_features.features import Features
    from luthier.models.structure import probe_of
    from luthier.training.predict import infer_items

    try:
        probe = probe_of(model)
    except (ModelError, AttributeError):
        return None
    found = yield from infer_items(
        Features(model, probe.features), items, codec, batch_size=batch_size, phase=phase
    )
    vectors = np.asarray(found, dtype=float)
    if items.row_of is None:
        return vectors
    n_rows = len(items.full_lengths)
    sums = np.zeros((n_rows, vectors.shape[1]))
    np.add.at(sums, items.row_of, vectors)
    return sums / np.maximum(np.bincount(items.row_of, minlength=n_rows), 1)[:, None]
