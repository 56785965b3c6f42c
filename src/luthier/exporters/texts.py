"""Whether a SavedModel may take strings: only if it cuts them into the run's own token ids.

That is tried out on the run's own rows and on texts made to be difficult. If any of them gets other
ids, the signature for strings is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from luthier.answerers import BATCH
from luthier.exporters.hard_texts import hard_columns
from luthier.exporters.trial import Trial
from luthier.keras_engine.backend import silenced
from luthier.prediction.predictor import Predictor
from luthier.ragged import Ragged
from luthier.records import Rows

if TYPE_CHECKING:
    from luthier.keras_engine.word_pieces import WordPieces


def pieces_of(trial: Trial) -> tuple[WordPieces | None, str | None]:
    """Make the tokenizer of a run as a graph; or say why a SavedModel takes no strings.

    Both are None for tasks that do not judge whole texts.
    """
    from luthier.keras_engine.word_pieces import WordPieces, unlike_bert

    predictor = trial.predictor
    if predictor.task.unit != "sequence":
        return None, None
    n_texts, most = len(predictor.task.input_roles), predictor.limits.max_tokens
    why = unlike_bert(predictor.codec.processor, n_texts=n_texts)
    if predictor.limits.stride is not None:
        why = "long texts are read in windows"
    if why is None:
        pieces = WordPieces(predictor.codec.processor, n_texts=n_texts, max_tokens=most)
        columns = hard_columns(predictor.task.texts(trial.rows)[0], most)
        hard = Rows.of(dict(zip(predictor.task.input_roles, columns, strict=False)))
        with silenced():  # TensorFlow prints how it sums integers
            unlike = [
                text
                for rows in (trial.rows, hard)
                for text in cut_differently(predictor, rows, pieces)
            ]
        if not unlike:
            return pieces, None
        why = f"{len(unlike)} texts would be cut into other tokens, such as {unlike[0][:40]!r}"
    return None, f"The signature for texts is left out: {why}."


def cut_differently(predictor: Predictor, rows: Rows, pieces: WordPieces) -> Iterator[str]:
    """Yield the texts whose token ids are not those of the tokenizer."""
    encoded, texts = predictor.codec.encode(rows), predictor.task.texts(rows)
    for start in range(0, len(rows), BATCH):
        columns = [list(column[start : start + BATCH]) for column in texts]
        made = {name: one.numpy() for name, one in pieces(*columns).items()}
        for place, text in enumerate(columns[0]):
            is_token = made["attention_mask"][place].astype(bool)
            if not all(
                np.array_equal(cast(Ragged, ids.values)[start + place], made[name][place][is_token])
                for name, ids in encoded.inputs.items()
            ):
                yield text
