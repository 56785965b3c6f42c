"""Models of ONNX that write: a decoder that keeps what it read, and an encoder before it.

    encoder.onnx   input_ids, attention_mask (batch, tokens) -> cross.LAYER.key, .value, which the
                   decoder attends to (batch, heads, tokens, width)
    model.onnx     tokens (batch, new), and past.LAYER.key, .value (batch, heads, past, width)
                   -> logits (batch, new, vocabulary), and present.LAYER.… with the new tokens

A decoder without an encoder has no `cross`, and its mask covers past and new tokens. The first
call has an empty past, so one graph reads the prompt and writes. Next: `search.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luthier.answerers import targets_of
from luthier.items import Batch
from luthier.onnx_models.description import ENCODER
from luthier.onnx_models.model import OnnxModel
from luthier.onnx_models.openvino_session import OpenvinoSession
from luthier.onnx_models.search import write
from luthier.onnx_models.session import Session
from luthier.padding import IGNORED
from luthier.ragged import Array

READ, WRITTEN = "input_ids", "decoder_input_ids"
MASK, POSITIONS = "attention_mask", "position_ids"


class OnnxWriter(OnnxModel):
    """A model that writes texts.

    Args:
        folder: The folder with the graphs.
        settings: What `describe_generation` wrote.
        options: Those of `OnnxModel`.
    """

    spins = False  # between two tokens there is other work, which waiting threads would hold up

    def __init__(self, folder: Path, settings: Mapping[str, Any], **options: Any):
        super().__init__(folder, **options)
        path, self._settings = folder / ENCODER, settings
        self._encoder = self.open(path) if path.is_file() else None

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Compute the logits of every token of a text, or of the batch's targets."""
        cached = self._begun(batch)
        if self._encoder is None:
            return {"logits": cached.logits(batch.inputs[READ])}
        wanted = targets_of(batch)
        targets = np.where(wanted == IGNORED, self._settings["pad_token_id"], wanted)
        begun = np.concatenate([self._starts(batch), targets[:, :-1]], axis=1)
        return {"logits": cached.logits(begun)}

    def write(self, batch: Batch[Array]) -> list[Array]:
        """Write token ids for each item of a batch, by the run's settings."""
        padding = np.zeros(batch.n_items, dtype=np.int64)
        if self._encoder is not None:
            return write(self._begun(batch), self._starts(batch), padding, self._settings)
        padding = batch.inputs[MASK].argmax(axis=1)
        return write(self._begun(batch), batch.inputs[READ], padding, self._settings)

    def _starts(self, batch: Batch[Array]) -> Array:
        """Return the token that a decoder begins with, (batch, 1)."""
        return np.full((batch.n_items, 1), self._settings["decoder_start_token_id"])

    def _begun(self, batch: Batch[Array]) -> Cached:
        """Let the encoder read a batch, or return a decoder that has read nothing."""
        given = {MASK: batch.inputs[MASK]}
        if self._encoder is None:
            return Cached(self.session, given)
        return Cached(self.session, given | self._encoder(batch.inputs))

    def describe(self) -> dict[str, Any]:
        """Give the tensors of each graph, and the settings by which it writes."""
        found = {**super().describe(), "generation": dict(self._settings)}
        return found | ({"encoder": self._encoder.describe()} if self._encoder else {})


class Cached:
    """A decoder in the middle of writing.

    Args:
        session: Its graph.
        given: The mask and, with an encoder, what is attended to; one row for each text.
    """

    def __init__(self, session: Session | OpenvinoSession, given: Mapping[str, Array]):
        self._session, self._given = session, dict(given)
        n_rows = len(self._given[MASK])
        self._texts = np.arange(n_rows)  # the text that each row writes about
        self._past = {
            name: np.zeros((n_rows, int(shape[1]), 0, int(shape[3])), dtype=np.float32)
            for name, shape in session.shapes.items()
            if name.startswith("past.")
        }
        self._has_read = False

    def __call__(self, tokens: Array) -> Array:
        """Read tokens (n, new); return the logits of the next, (n, vocabulary)."""
        return self.logits(tokens)[:, -1]

    def logits(self, tokens: Array) -> Array:
        """Read tokens (n, new); return the logits after each, (n, new, vocabulary)."""
        found = self._session({**self._given, **self._past, **self._placed(tokens)})
        logits = found.pop("logits")
        self._past = {name.replace("present.", "past.", 1): one for name, one in found.items()}
        self._has_read = True
        return logits

    def _placed(self, tokens: Array) -> dict[str, Array]:
        """Name the tokens as the graph does; without an encoder, with mask and positions."""
        if WRITTEN in self._session.shapes:
            return {WRITTEN: tokens}
        if self._has_read:
            mask = self._given[MASK]
            self._given[MASK] = np.concatenate([mask, np.ones_like(tokens)], axis=1)
        places = np.maximum(self._given[MASK].cumsum(axis=1) - 1, 0)
        return {READ: tokens, MASK: self._given[MASK], POSITIONS: places[:, -tokens.shape[1] :]}

    def reorder(self, rows: Array) -> None:
        """Go on with these rows, in this order; beams of one text attend to the same."""
        if not np.array_equal(rows, np.arange(len(self._texts))):
            self._past = {name: one[rows] for name, one in self._past.items()}
        texts = self._texts[rows]
        if not np.array_equal(texts, self._texts):
            self._given = {name: one[rows] for name, one in self._given.items()}
        self._texts = texts
