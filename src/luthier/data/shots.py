"""Draws few-shot training rows: the same number for every label.

The draw depends on the rows and the seed only, so that all methods see the same rows. Draws are
nested: the 16 rows of a seed include its 8, which include its 4.
"""

from __future__ import annotations

import numpy as np

from luthier.data.labels import label_name
from luthier.errors import DataError
from luthier.records import Rows
from luthier.seeding import stream


def few_shots(rows: Rows, role: str, n_shots: int, *, seed: int) -> Rows:
    """Draw `n_shots` rows of each label; they keep their order.

    Args:
        rows: The training rows.
        role: The column with the labels.
        n_shots: Number of rows to draw of each label.
        seed: Seed of the draw.

    Raises:
        DataError: A label has fewer rows.
    """
    labels = np.array([str(label_name(value)) for value in rows[role]], dtype=object)
    known = sorted(set(labels.tolist()))
    short = [label for label in known if (labels == label).sum() < n_shots]
    if short:
        counts = ", ".join(f"{label} has {(labels == label).sum()}" for label in short[:5])
        more = f" and {len(short) - 5} others" if len(short) > 5 else ""
        fewest = min(int((labels == label).sum()) for label in known)
        raise DataError(
            f"{len(short)} of {len(known)} labels have too few training rows.",
            received=f"data.shots={n_shots}; {counts}{more}",
            hint=f"data.shots={fewest}, or drop rare labels",
        )
    shuffled = stream(seed, "shots").permutation(len(rows))
    chosen = [shuffled[labels[shuffled] == label][:n_shots] for label in known]
    return rows.take(np.sort(np.concatenate(chosen)))
