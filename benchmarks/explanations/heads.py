"""W5 with several seeds: how alike are explanations after the head is drawn anew, again and again?

Heads are drawn as `luthier explain RUN --check` draws them: another for each five decisions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from luthier.explaining.check import PER_DRAW, decisions_of, similarity
from luthier.explaining.explain import Answered, make_explainer
from luthier.explaining.redrawn import HEAD, redrawn
from luthier.explaining.resampled import Resampled


def measure_heads(answered: Answered, *, by: Sequence[str], n_seeds: int) -> Iterator[Any]:
    """Explain rows with heads of several seeds.

    Args:
        answered: The rows.
        by: The explainers.
        n_seeds: Number of seeds, each of which draws a head for every five decisions.

    Yields:
        For each explainer what was found: its name; the similarity, a mean over the seeds of each
        row, with its interval over rows; that of each seed; and how far single heads lie apart.
    """
    decisions = [decision for _, decision in decisions_of(answered, seed=0)]
    resampled = Resampled.of(len(decisions), n_resamples=10_000, confidence=0.95, seed=0)
    for name in by:
        explainer = make_explainer(name)
        before = [explainer.explain(answered.reader(one)).values for one in decisions]
        found, heads = np.full((n_seeds, len(decisions)), np.nan), []
        for seed in range(n_seeds):
            for draw, first in enumerate(range(0, len(decisions), PER_DRAW)):
                with redrawn(answered.model, HEAD, seed=seed, draw=draw):
                    for row in range(first, min(first + PER_DRAW, len(decisions))):
                        reader = answered.reader(decisions[row], as_predicted=False)
                        after = explainer.explain(reader).values
                        found[seed, row] = similarity(before[row], after)
                heads.append(np.nanmean(found[seed, first : first + PER_DRAW]))
        yield {
            "by": name,
            "similarity": asdict(resampled.score(np.nanmean(found, axis=0))),
            "seeds": np.nanmean(found, axis=1).tolist(),
            "heads": {"n": len(heads), "deviation": float(np.std(heads, ddof=1))},
        }
