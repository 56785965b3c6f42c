"""MBART (Liu et al. 2020): BART for many languages, whose blocks normalize their input."""

from __future__ import annotations

import tensorflow as tf
from keras import KerasTensor, ops

from luthier.keras_engine.families.bart import Bart
from luthier.padding import IGNORED


class MBart(Bart):
    """MBART, whose decoder starts with the last token of the text it writes: the language."""

    is_normed_first = True
    needs = ("pad_token_id",)

    def starts(self, labels: tf.Tensor) -> tf.Tensor:
        """Give the last token of each row, (batch, 1)."""
        padding = tf.cast(self.config.pad_token_id, labels.dtype)
        return _last(labels, (labels == IGNORED) | (labels == padding))

    def again(self, ids: KerasTensor) -> KerasTensor:
        """Shift a text right, (batch, tokens), behind its own last token."""
        starts = _last(ids, ops.equal(ids, self.config.pad_token_id))
        return ops.concatenate([starts, ids[:, :-1]], axis=1)


def _last(ids: KerasTensor, is_padding: KerasTensor) -> KerasTensor:
    """Take the token at the index (number of real tokens - 1) of each row, (batch, 1)."""
    is_real = ops.cast(ops.logical_not(is_padding), "int32")
    return ops.take_along_axis(ids, ops.sum(is_real, axis=1, keepdims=True) - 1, axis=1)
