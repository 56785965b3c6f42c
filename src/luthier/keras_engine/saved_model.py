"""A twin as a SavedModel, which TensorFlow Serving and plain TensorFlow read.

serving_default   token ids, any batch and length   probabilities or scores, and logits
text              strings                           the same without logits, and the label's name
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from luthier.items import Batch
from luthier.keras_engine.kinds import Tensors
from luthier.keras_engine.serving import answer, graph, module_of
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
        folder: Folder to write to; it is created.
        inputs: Model arguments that the tokenizer gives, by Transformers' names.
        target: What is predicted.
        pieces: The tokenizer as a graph, for a signature that takes strings; None writes none.
        roles: Names of these strings.
    """
    signatures = {IDS: graph(lambda batch: answer(twin, batch, target), inputs, tf.int64, 2)}
    if pieces is not None:

        def answer_texts(texts: Tensors) -> Tensors:
            outputs = answer(twin, pieces(*texts.values()), target)
            kept = {name: one for name, one in outputs.items() if name != "logits"}
            return kept | label_names(outputs, target)

        signatures[TEXT] = graph(answer_texts, roles, tf.string, 1)
    module = module_of(twin)
    module.pieces = pieces
    tf.saved_model.save(module, str(folder), signatures=signatures)


def label_names(outputs: Tensors, target: Target) -> dict[str, tf.Tensor]:
    """Name the label of every row, (batch,); several labels of a row are joined by |.

    A number has no label.
    """
    names = tf.constant(target.names)
    if target.kind == "single-label":
        return {"label": tf.gather(names, tf.argmax(outputs["logits"], axis=-1))}
    if target.kind == "multi-label":
        thresholds = tf.constant(target.thresholds or (0.5,) * target.n_outputs)
        is_given = outputs["probabilities"] >= thresholds  # (batch, labels)
        rows = tf.repeat(names[None], tf.shape(is_given)[0], axis=0)  # (batch, labels)
        given = tf.ragged.boolean_mask(rows, is_given)
        return {"label": tf.strings.reduce_join(given, axis=-1, separator="|")}
    return {}


class SavedModel:
    """A SavedModel that was read back.

    Args:
        folder: The folder that `write` wrote.
        note: Remark for the user, such as why there is no signature for strings.
    """

    def __init__(self, folder: Path, *, note: str | None = None):
        self.note = note
        self.n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        self._loaded = tf.saved_model.load(str(folder))  # holds the variables of the signatures
        self._signatures = self._loaded.signatures
        self.answer_texts = self._answer_texts if TEXT in self._signatures else None

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Answer a batch of token ids."""
        names = self._signatures[IDS].structured_input_signature[1]
        outputs = self._signatures[IDS](
            **{name: tf.constant(batch.inputs[name], tf.int64) for name in names}
        )
        return {name: one.numpy() for name, one in outputs.items()}

    def _answer_texts(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Array]:
        """Answer strings, (batch,) by the names of their columns."""
        columns = {name: tf.constant(list(values)) for name, values in texts.items()}
        return {name: one.numpy() for name, one in self._signatures[TEXT](**columns).items()}

    def describe(self) -> dict[str, Any]:
        """Give the name, type and shape of every tensor of every signature."""
        return {
            "signatures": {
                name: {
                    "inputs": _specs(function.structured_input_signature[1]),
                    "outputs": _specs(function.structured_outputs),
                }
                for name, function in self._signatures.items()
            }
        }


def _specs(tensors: Tensors) -> dict[str, Any]:
    """Write types and shapes of tensors; an axis of any length is null."""
    return {
        name: {"dtype": one.dtype.name, "shape": one.shape.as_list()}
        for name, one in tensors.items()
    }
