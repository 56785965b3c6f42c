"""Makes sure that what is explained is what is predicted.

The outputs that an explanation starts from are compared with those that the answer was made of:
the same values; for written tokens, the same first choice, where nothing but the model chose.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from luthier.errors import ModelError
from luthier.explanation import Decision
from luthier.hf_types import Model
from luthier.ragged import Array

EXACT = 1e-5  # how far outputs may be from those of the answer, relative to the largest
ROUNDED = 0.1  # the same for models that round their numbers, to what their batch has, say
CHOOSING: dict[str, float | None] = {  # by which `generate` writes other than what is likeliest
    "num_beams": 1,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "repetition_penalty": 1,
    "encoder_repetition_penalty": 1,
    "min_length": 0,
    **dict.fromkeys(("min_new_tokens", "bad_words_ids", "forced_bos_token_id", "sequence_bias")),
    **dict.fromkeys(("forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens")),
    "exponential_decay_length_penalty": None,
}


def compare(values: Array, expected: Array, decision: Decision, model: Model) -> str:
    """Compare the outputs of an item with those that its answer was made of.

    Args:
        values: The outputs that are explained, (…).
        expected: What was inferred for the item.
        decision: The decision.
        model: The model.

    Returns:
        What a reader should know: that a written token was not the model's first choice.

    Raises:
        ModelError: They differ by more than rounding.
    """
    tolerance = ROUNDED if is_rounded(model) else EXACT
    if decision.step is not None:
        return _compare_written(values[-1], int(expected[decision.step]), model, tolerance)
    if decision.kind == "fill-mask":
        values, expected = _of_fillings(values, expected, decision)
    _refuse(values, expected, tolerance)
    return ""


def is_rounded(model: Model) -> bool:
    """Return whether a model computes in bfloat16, float16 or int8."""
    floats = (one.dtype for one in model.parameters() if one.is_floating_point())
    return is_int8(model) or any(one.itemsize < 4 for one in floats)


def is_int8(model: Model) -> bool:
    """Return whether a model multiplies integers, through which no gradient flows."""
    return any(hasattr(one, "_packed_params") for one in model.modules())


def _compare_written(values: Array, token: int, model: Model, tolerance: float) -> str:
    """Compare a written token with the model's first choice."""
    first = int(values.argmax())
    if values[first] - values[token] <= tolerance * max(1.0, float(np.abs(values).max())):
        return ""
    settings = model.generation_config
    for name, usual in CHOOSING.items():
        if getattr(settings, name, None) not in (usual, None):
            place = int((values > values[token]).sum()) + 1
            return f"chosen by {name}: the model alone has it in place {place}"
    _refuse(values[token], values[first], tolerance)
    return ""


def _of_fillings(values: Array, expected: Array, decision: Decision) -> tuple[Array, Array]:
    """Return the probability of what fills a hole, explained and predicted."""
    (choice,) = decision.choices
    odds = values[choice.outputs].astype(np.float64)
    share = np.exp(odds[choice.chosen] - np.logaddexp.reduce(odds))
    given = expected.reshape(-1, 2)
    same = given[given[:, 0] == choice.chosen, 1]
    return share, same[np.abs(same - share).argmin()]


def _refuse(found: Array, expected: Any, tolerance: float) -> None:
    """Refuse to explain other outputs than those that the answer was made of.

    Raises:
        ModelError: They differ by more than rounding.
    """
    wanted = np.asarray(expected, dtype=np.float64)
    is_real = np.isfinite(wanted)
    difference = float(np.abs(found - wanted)[is_real].max(initial=0.0))
    if difference > tolerance * max(1.0, float(np.abs(wanted[is_real]).max(initial=0.0))):
        raise ModelError(
            "The model that would be explained does not answer as the one that predicts.",
            received=f"outputs that differ by {difference:.2g}",
            hint="report this as a bug, with the recipe; --by occlusion may be affected too",
        )
