"""Tasks that learn to predict tokens: what causal and masked language models share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from luthier.codec import LOSS
from luthier.items import Items
from luthier.metrics.language import measure_language
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.task_types.defaults import CodecDefaults, OptionsT, TaskDefaults, texts_of
from luthier.task_types.seq2seq import as_array


@dataclass(frozen=True)
class LanguageModelingCodec(CodecDefaults[OptionsT]):
    """Outputs are each row's summed log-likelihood, its tokens, and how many are right."""

    targets_for: ClassVar[frozenset[str]] = frozenset({LOSS, "log-likelihood"})

    def gold(self, rows: Rows) -> Array:
        """Read the texts, (rows,)."""
        return as_array(texts_of(rows, "text"))

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Learn the tokens that have a target."""
        return Objective("token-cross-entropy", label_smoothing=label_smoothing)

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Sum the statistics of a row's items, (rows, 3)."""
        return sum_items(inferred[self.task.validation_kind], items, len(rows))

    def of_statistics(self, summed: Array) -> Outputs:
        """Make outputs of each row's statistics, (rows, 3)."""
        return summed

    def decode(self, outputs: Outputs) -> Predictions:
        """Return the perplexity of each row, (rows,); what was written or filled in as it is."""
        if outputs.dtype == object:
            return Predictions(outputs, None, outputs)
        with np.errstate(over="ignore"):
            each = np.exp(-outputs[:, 0] / np.maximum(outputs[:, 1], 1))
        return Predictions(each, None, outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare perplexity, cross-entropy and token accuracy."""
        return measure_language(predictions.outputs)

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Keep each row's statistics: a perplexity of all rows needs them."""
        numbers = self.statistics_of(predictions.outputs)[index]
        return {"statistics": [float(number) for number in numbers]}

    def statistics_of(self, outputs: Outputs) -> Array:
        """Return each row's log-likelihood, tokens and right tokens, (rows, 3)."""
        return np.asarray(outputs)

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read statistics back."""
        summed = np.array([one["statistics"] for one in kept], dtype=float).reshape(-1, 3)
        return self.decode(self.of_statistics(summed))

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Give every text the same perplexity."""
        return np.tile([-1.0, 1.0, 0.0], (len(rows), 1))

    def to_json(self, answers: Array, index: int, rows: Rows) -> Any:
        """Write the perplexity of a text, or the text itself."""
        answer = answers[index]
        return answer if isinstance(answer, str) else round(float(answer), 6)


class LanguageModeling(TaskDefaults[OptionsT]):
    """A task that is scored by the likelihood of the true tokens."""

    Codec = LanguageModelingCodec
    unit: ClassVar[str] = "language"
    kind: ClassVar[str] = "language"
    windows: ClassVar[bool | None] = True
    validation_kind: str = "log-likelihood"
    main_metric: str = "perplexity"

    @property
    def validation_metric(self) -> str:
        """Use perplexity during training."""
        return "perplexity"

    def learn_target(self, rows: Rows) -> Target:
        """There are no labels: the text itself is learned."""
        return Target(self.kind, ())

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 sentences in which each thing has its own colour."""
        colours = {"grass": "green", "snow": "white", "coal": "black", "blood": "red"}
        verbs, places = ("is", "looks", "seems", "stays"), ("here", "there", "outside")
        texts = [
            f"the {thing} {verbs[n // 4 % 4]} {colours[thing]} {places[n // 16 % 3]} on day {n}"
            for n, thing in ((n, list(colours)[n % 4]) for n in range(80))
        ]
        return Rows.of({"text": texts}, name="toy")


def sum_items(statistics: Array, items: Items, n_rows: int) -> Array:
    """Sum the statistics of every row's items, (rows, 3)."""
    summed = np.zeros((n_rows, 3))
    np.add.at(summed, items.rows, np.asarray(statistics).reshape(-1, 3))
    return summed
