"""Few labels, drawn so that runs can be compared: the few-shot protocol.

Every label gives the same number of rows. The draw follows from the rows and the seed alone, so
all methods see the same rows, and it is nested: the 16 rows of a seed hold its 8, which hold its 4.
"""

from __future__ import annotations

import numpy as np

from luthier.data.labels import label_name
from luthier.errors import DataError
from luthier.records import Rows
from luthier.seeding import stream


def few_shots(rows: Rows, role: str, n_shots: int, *, seed: int) -> Rows:
    """Keep `n_shots` rows of each label, in the rows' order.

    Args:
        rows: The training rows.
        role: Column with the labels.
        n_shots: Rows of each label.
        seed: Of the draw.

    Raises:
        DataError: A label has fewer rows; it says which.
    """
    labels = np.array([str(label_name(value)) for value in rows[role]], dtype=object)
    known = sorted(set(labels.tolist()))
    short = [label for label in known if (labels == label).sum() < n_shots]
    if short:
        counts = ", ".join(f"{label} has {(labels == label).sum()}" for label in short[:5])
        more = f" and {len(short) - 5} others" if len(short) > 5 else ""
        fewest = min(int((labels == label).sum()) for label in known)
        raise DataError(
            f"{len(short)} of {len(known)} labels have fewer training rows than are asked for.",
            received=f"data.shots={n_shots}; {counts}{more}",
            hint=f"data.shots={fewest}, or leave out rare labels",
        )
    shuffled = stream(seed, "shots").permutation(len(rows))
    chosen = [shuffled[labels[shuffled] == label][:n_shots] for label in known]
    return rows.take(np.sort(np.concatenate(chosen)))
