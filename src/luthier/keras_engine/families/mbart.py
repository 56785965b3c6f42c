"""MBART (Liu et al. 2020): BART that normalises what its blocks read, in many languages."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import ops

from luthier.keras_engine.families.bart import Bart
from luthier.padding import IGNORED


class MBart(Bart):
    """MBART, whose decoder begins with the last token of what it writes: the language."""

    is_normed_first = True
    needs = ("pad_token_id",)

    def starts(self, labels: Any) -> Any:
        """Give the last token of each row, (batch, 1)."""
        is_none = (labels == IGNORED) | (labels == tf.cast(self.config.pad_token_id, labels.dtype))
        return _at_end(labels, is_none)

    def again(self, ids: Any) -> Any:
        """Give the text itself as what is written, one token later."""
        starts = _at_end(ids, ops.equal(ids, self.config.pad_token_id))
        return ops.concatenate([starts, ids[:, :-1]], axis=1)


def _at_end(ids: Any, is_none: Any) -> Any:
    """Give the token at the place that the number of tokens says, (batch, 1)."""
    place = ops.sum(ops.cast(ops.logical_not(is_none), "int32"), axis=1, keepdims=True) - 1
    return ops.take_along_axis(ids, place, axis=1)
