"""A SavedModel that takes strings: only where its token ids are those of the run's tokenizer.

That they are is tried out on the run's own rows and on texts made to be hard; where one of them
gets other ids, the signature is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from luthier.exporters.merged import gap, otherwise
from luthier.exporters.trial import ALIKE, BATCH, Trial
from luthier.keras_engine.backend import unheard
from luthier.records import Rows

HARD = (  # to cut
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


class Texts:
    """The signature for strings of a run's model, or why there is none.

    Args:
        trial: The rows to try it out on.
    """

    def __init__(self, trial: Trial):
        from luthier.keras_engine.word_pieces import WordPieces, unlike_bert

        self.trial = trial
        self.pieces: Any = None
        self.words: str | None = None
        self.judge: Callable[..., Any] | None = None  # what answers strings, once it is written
        predictor = trial.predictor
        if predictor.task.unit != "sequence":
            return
        n_texts, most = len(predictor.task.input_roles), predictor.codec.limits.max_tokens
        why = unlike_bert(predictor.codec.processor, n_texts=n_texts)
        if predictor.codec.limits.stride is not None:
            why = "long texts are read in windows"
        if why is None:
            pieces = WordPieces(predictor.codec.processor, n_texts=n_texts, max_tokens=most)
            with unheard():  # TensorFlow tells how it adds up whole numbers
                why = self._differences(pieces)
            self.pieces = pieces if why is None else None
        if why is not None:
            self.words = f"The signature for texts is left out: {why}."

    def _differences(self, pieces: Any) -> str | None:
        """Say where token ids are not those of the tokenizer; None: nowhere."""
        unlike = [
            text
            for rows in (self.trial.rows, self._hard_rows())
            for text, is_like in zip(
                self._texts(rows)[0], self._are_like(rows, pieces), strict=True
            )
            if not is_like
        ]
        if not unlike:
            return None
        return f"{len(unlike)} texts would be cut into other tokens, such as {unlike[0][:40]!r}"

    def _are_like(self, rows: Rows, pieces: Any) -> Iterator[bool]:
        """Say of every row whether its token ids are those of the tokenizer."""
        encoded = self.trial.codec.encode(rows)
        for start in range(0, len(rows), BATCH):
            columns = [texts[start : start + BATCH] for texts in self._texts(rows)]
            made = {name: one.numpy() for name, one in pieces(*map(list, columns)).items()}
            for place in range(len(columns[0])):
                is_token = made["attention_mask"][place].astype(bool)
                yield all(
                    np.array_equal(ids.values[start + place], made[name][place][is_token])
                    for name, ids in encoded.inputs.items()
                )

    def _texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        return self.trial.predictor.task.texts(rows)

    def _hard_rows(self) -> Rows:
        """Make rows that are hard to cut, or too long, in one text or in both."""
        words = " ".join(self._texts(self.trial.rows)[0]).split() or ["x"]
        long = " ".join((words * LONG)[:LONG])
        first = [*HARD, long, "short", long, "ab " * 70]
        second = [*HARD[::-1], "short", long, long, "cd " * 69]
        roles = self.trial.predictor.task.input_roles
        return Rows.of(dict(zip(roles, (first, second), strict=False)))

    def refuse_other_answers(self) -> None:
        """Raise where the rows' texts are answered otherwise than by the run's model.

        Raises:
            ModelError: They are.
        """
        if self.judge is None:
            return
        roles, texts = self.trial.predictor.task.input_roles, self._texts(self.trial.rows)
        wanted = self.trial.decoded(self.trial.before)
        shares = wanted.answers if wanted.probabilities is None else wanted.probabilities
        most = ALIKE * max(1.0, float(np.abs(shares).max()))
        for start in range(0, len(self.trial.rows), BATCH):
            part = slice(start, start + BATCH)
            said = self.judge(**{role: one[part] for role, one in zip(roles, texts, strict=True)})
            difference = gap(said.get("probabilities", said.get("scores")), shares[part])
            if not difference <= most:
                raise otherwise(f"probabilities of texts differ by {difference:.1e}")
