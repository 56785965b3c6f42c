"""Whether a SavedModel may take strings: only if it cuts them into the run's own token ids.

That is tried out on the run's own rows and on texts made to be difficult. If any of them gets other
ids, the signature for strings is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from luthier.exporters.trial import BATCH, Trial
from luthier.keras_engine.backend import silenced
from luthier.prediction.predictor import Predictor
from luthier.ragged import Ragged
from luthier.records import Rows

if TYPE_CHECKING:
    from luthier.keras_engine.word_pieces import WordPieces

HARD = (  # to cut into tokens
    "",
    " \t\n ",
    "Crème Brûlée, ÅNGSTRÖM & naïveté",
    "re\u0301sume\u0301 o\u0308 \u1e69 \u0130stanbul \u0131 stra\u00dfe",
    "\u03a3\u039f\u03a6\u039f\u03a3 \u03c3\u03bf\u03c6\u03cc\u03c2",
    "東京は日本の首都です。北京in中国 한국어 ﾊﾝｶｸ",
    "\U0001f44d\U0001f3fd \U0001f469\u200d\U0001f467 \u2603\ufe0f \U0001f1e9\U0001f1ea ok",
    "a\u0000b\u0007c\u200bd\ufeffe\u00adf\u2028g\u0085h\x1bi\ue000j\U000f0001k",
    "non\u00a0breaking\u2003spaces\u3000here",
    "don't e-mail 50% (off) [now] {a_b} ~`^ ¿qué? «oui» — …",
    "[CLS] a [MASK] b [SEP] [UNK][PAD] [mask] [ SEP ]",
    "ᚠᛇᚻ ѣ ܐ ৠ \U0001d54f \U0010fffd",
    "x" * 100 + " " + "y" * 101 + " " + "é" * 101 + " " + "語" * 300,
    "नमस्ते สวัสดี مرحبا שלום " * 5,
)
LONG = 4000  # words, more than any model here reads


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
        hard = hard_rows(predictor, trial.rows)
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


def hard_rows(predictor: Predictor, rows: Rows) -> Rows:
    """Make rows that are hard to cut, or too long in one text or in both."""
    words = " ".join(predictor.task.texts(rows)[0]).split() or ["x"]
    long = " ".join((words * LONG)[:LONG])
    first = [*HARD, long, "short", long, "ab " * 70]
    second = [*HARD[::-1], "short", long, long, "cd " * 69]
    return Rows.of(dict(zip(predictor.task.input_roles, (first, second), strict=False)))
