"""What a joint model relies on, and whether it uses inputs together, by asking its head again.

    rows ─► what each input's part reads, once ─► the head, with inputs absent, or of other rows

*Masked*: what is lost where an input is absent in all test rows. *Permuted*: where it is another
row's, the mean of twenty permutations. *Interaction*: what is lost where the model's outputs are
replaced by their additive part, the sum over inputs of the mean of its outputs over all other
inputs of the test rows, each around its mean (Hessel & Lee 2020, "Does my multimodal model
learn cross-modal interactions?", https://aclanthology.org/2020.emnlp-main.62/, EMAP). None of them
says what the model needed: for that it is trained again (`studies/modalities.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from luthier.codec import Codec
from luthier.columns import PRESENT
from luthier.metrics.names import lower_is_better
from luthier.models.fusion import FusedModel
from luthier.ragged import Array
from luthier.records import Gold, Rows
from luthier.seeding import stream
from luthier.training.model_calls import to_tensors

PERMUTATIONS = 20
MOST_ROWS = 400  # of which all pairs are made for the additive part
AT_ONCE = 64  # rows that are read together
Read = list[Tensor]  # of every input, (rows, …)


def reliance(
    model: FusedModel, codec: Codec, rows: Rows, gold: Gold, *, seed: int = 0
) -> dict[str, Any]:
    """Measure what a joint model relies on.

    Args:
        model: The trained model.
        codec: Its codec.
        rows: The test rows, without their answers.
        gold: Their answers.
        seed: Of the permutations, and of the rows of which pairs are made.

    Returns:
        `metric`, `n`, `score`; for every input what is lost where it is `masked` and `permuted`;
        `additive`, the score of the additive part, and `together`, that of the same rows.
    """
    read, present = read_all(model.eval(), codec, rows)
    metric = str(codec.task.main_metric)
    sign = -1.0 if lower_is_better(metric) else 1.0

    def score(outputs: Array, chosen: Array) -> float:
        measure = codec.measure(gold[chosen], codec.decode(outputs))
        return float(measure(None)[metric])

    everyone = np.arange(len(rows))
    whole = score(head_of(model, read, present), everyone)
    inputs = {}
    for place, role in enumerate(model.inputs):
        masked = present.clone()
        masked[:, place] = 0.0
        permuted = []
        for number in range(PERMUTATIONS):
            order = stream(seed, "permuted", role, number).permutation(len(rows))
            others, of_others = list(read), present.clone()
            others[place], of_others[:, place] = read[place][order], present[order, place]
            permuted.append(score(head_of(model, others, of_others), everyone))
        without = score(head_of(model, read, masked), everyone)
        others_mean = sum(permuted) / len(permuted)
        inputs[role] = {
            "masked": sign * (whole - without),
            "permuted": sign * (whole - others_mean),
        }
    some = np.sort(stream(seed, "pairs").permutation(len(rows))[:MOST_ROWS])
    pair_read, pair_present = [one[some] for one in read], present[some]
    return {
        "metric": metric,
        "n": len(rows),
        "score": whole,
        "inputs": inputs,
        "together": score(head_of(model, pair_read, pair_present), some),
        "additive": score(additive(model, pair_read, pair_present), some),
    }


@torch.inference_mode()
def read_all(model: FusedModel, codec: Codec, rows: Rows) -> tuple[Read, Tensor]:
    """Return what the parts of a model read of rows, and which inputs these have."""
    items = codec.encode(rows)
    read: list[Read] = []
    present = []
    for chosen in np.array_split(np.arange(len(rows)), -(-len(rows) // AT_ONCE)):
        batch = to_tensors(codec.batch(items, chosen, kind="logits")).inputs
        read.append(model.read(batch))
        present.append(batch[PRESENT])
    return [torch.cat(parts) for parts in zip(*read, strict=True)], torch.cat(present)


@torch.inference_mode()
def head_of(model: FusedModel, read: Sequence[Tensor], present: Tensor) -> Array:
    """Return the head's outputs, (rows, outputs)."""
    return np.asarray(model.head(read, present).float())


def additive(model: FusedModel, read: Read, present: Tensor) -> Array:
    """Return the additive part of a model's outputs over rows, (rows, outputs)."""
    n_rows, n_inputs = present.shape
    parts = []
    for place in range(n_inputs):
        means = []
        for row in range(n_rows):
            one = torch.full((n_rows,), row)
            others, of_others = list(read), present.clone()
            others[place], of_others[:, place] = read[place][one], present[row, place]
            means.append(head_of(model, others, of_others).mean(axis=0))
        parts.append(np.stack(means))
    each = np.stack(parts)  # (inputs, rows, outputs)
    centre = each.mean(axis=1, keepdims=True)
    return np.asarray((each - centre).sum(axis=0) + centre.mean(axis=0))
