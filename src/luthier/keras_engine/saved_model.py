"""A twin as a SavedModel, which TensorFlow Serving and plain TensorFlow read.

serving_default   token ids, any batch and length   probabilities or scores, and logits
text              strings                           the same, and the label by name
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from luthier.items import Batch
from luthier.keras_engine.answers import Answer, spoken
from luthier.keras_engine.twin import Twin
from luthier.keras_engine.word_pieces import WordPieces
from luthier.ragged import Array
from luthier.records import Target

IDS, TEXT = "serving_default", "text"


def write(
    twin: Twin,
    folder: Path,
    *,
    inputs: Sequence[str],
    target: Target,
    pieces: WordPieces | None = None,
    roles: Sequence[str] = (),
) -> None:
    """Write a twin as a SavedModel.

    Args:
        twin: The model.
        folder: Where to; it is made.
        inputs: What the tokenizer gives, by Transformers' names.
        target: What is predicted.
        pieces: Its tokenizer, for a signature that takes strings; None: there is none.
        roles: The names of these strings.
    """
    signatures = {IDS: _function(lambda batch: _said(twin, batch, target), inputs, tf.int64, 2)}
    if pieces is not None:

        def judge(texts: dict[str, Any]) -> dict[str, Any]:
            said = _said(twin, pieces(*texts.values()), target)
            return {name: one for name, one in said.items() if name != "logits"} | named(
                said, target
            )

        signatures[TEXT] = _function(judge, roles, tf.string, 1)
    module = tf.Module()
    module.variables_of_twin = [one.value for one in twin.keras.variables]
    module.pieces = pieces
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _said(twin: Twin, batch: dict[str, Any], target: Target) -> dict[str, Any]:
    return spoken(twin(batch, training=False), target)


def _function(compute: Callable[..., Any], names: Sequence[str], dtype: Any, n_axes: int) -> Any:
    """Make a graph of a function of named tensors."""
    specs = [tf.TensorSpec([None] * n_axes, dtype, name=name) for name in names]

    def function(*given: Any) -> Any:
        return compute(dict(zip(names, given, strict=True)))

    return tf.function(function, input_signature=specs)


def named(said: dict[str, Any], target: Target) -> dict[str, Any]:
    """Name the label of every row, (batch,); several of one row stand side by side, with | between.

    A number has no label.
    """
    names = tf.constant(target.names)
    if target.kind == "single-label":
        return {"label": tf.gather(names, tf.argmax(said["logits"], axis=-1))}
    if target.kind == "multi-label":
        thresholds = tf.constant(target.thresholds or (0.5,) * target.n_outputs)
        is_given = said["probabilities"] >= thresholds
        rows = tf.repeat(names[None], tf.shape(is_given)[0], axis=0)
        given = tf.ragged.boolean_mask(rows, is_given)
        return {"label": tf.strings.reduce_join(given, axis=-1, separator="|")}
    return {}


def load(folder: Path) -> tuple[Answer, Callable[..., dict[str, Array]] | None]:
    """Read a SavedModel back; give what answers ids, and what answers strings, if it can."""
    loaded = tf.saved_model.load(str(folder))
    by_ids, by_text = loaded.signatures[IDS], loaded.signatures.get(TEXT)
    wanted = by_ids.structured_input_signature[1]

    def answer(batch: Batch) -> dict[str, Array]:
        said = by_ids(**{name: tf.constant(batch.inputs[name], tf.int64) for name in wanted})
        return {name: one.numpy() for name, one in said.items()}

    answer.kept = loaded  # type: ignore[attr-defined]  # its variables go with it otherwise
    if by_text is None:
        return answer, None

    def judge(**texts: Sequence[str]) -> dict[str, Array]:
        said = by_text(**{name: tf.constant(list(values)) for name, values in texts.items()})
        return {name: one.numpy() for name, one in said.items()}

    return answer, judge


def describe(folder: Path) -> dict[str, Any]:
    """Name the tensors of every signature, with their kinds and shapes."""
    loaded = tf.saved_model.load(str(folder))
    return {
        name: {
            "inputs": specs(function.structured_input_signature[1]),
            "outputs": specs(function.structured_outputs),
        }
        for name, function in loaded.signatures.items()
    }


def specs(tensors: dict[str, Any]) -> dict[str, Any]:
    """Write kinds and shapes of tensors; an axis of any length is null."""
    return {
        name: {"dtype": one.dtype.name, "shape": one.shape.as_list()}
        for name, one in tensors.items()
    }
