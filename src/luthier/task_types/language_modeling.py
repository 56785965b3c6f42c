"""Tasks that learn to say tokens: what language models of both kinds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from luthier.metrics.language import measure_language
from luthier.records import (
    Array,
    Encoded,
    Measure,
    Objective,
    Outputs,
    Predictions,
    Rows,
    Target,
)
from luthier.task_types.defaults import Answering, texts_of


class Language(Answering):
    """The half of a task that is judged by how likely it finds the true tokens."""

    unit: ClassVar[str] = "language"
    kind: ClassVar[str] = "language"
    windows: ClassVar[bool | None] = True
    validation_kind: str = "log-likelihood"
    main_metric: str = "perplexity"

    @property
    def validation_metric(self) -> str:
        """Go by perplexity during training."""
        return "perplexity"

    def learn_target(self, rows: Rows) -> Target:
        """There are no labels: the text is what is learned."""
        return Target(self.kind, ())

    def gold(self, rows: Rows, target: Target) -> Array:
        """Give the texts, (rows,): what is judged is how likely they are."""
        made = np.empty(len(rows), dtype=object)
        made[:] = texts_of(rows, "text")
        return made

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts."""
        return (texts_of(rows, "text"),)

    def objective(self, target: Target, gold: Any, *, label_smoothing: float) -> Objective:
        """Learn to say the tokens that have a label."""
        return Objective("token-cross-entropy", label_smoothing=label_smoothing)

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Sum the statistics of a row's items, (rows, 3)."""
        return sum_items(read[self.validation_kind], encoded, len(rows))

    def of_statistics(self, summed: Array) -> Outputs:
        """Give outputs made of each row's statistics, (rows, 3)."""
        return summed

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Answer with the perplexity of each row, (rows,)."""
        with np.errstate(over="ignore"):
            each = np.exp(-outputs[:, 0] / np.maximum(outputs[:, 1], 1))
        return Predictions(each, None, outputs)

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare perplexity, cross-entropy and token accuracy."""
        return measure_language(predictions.outputs)

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Keep each row's statistics: a perplexity of all rows needs them."""
        numbers = self.statistics_of(predictions.outputs)[index]
        return {"statistics": [float(number) for number in numbers]}

    def statistics_of(self, outputs: Outputs) -> Array:
        """Give the three numbers of every row, (rows, 3)."""
        return outputs

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Read statistics back."""
        summed = np.array([one["statistics"] for one in said], dtype=float).reshape(-1, 3)
        return self.decode(self.of_statistics(summed), target)

    def uninformed_outputs(self, rows: Rows, target: Target, *, watched: bool = False) -> Outputs:
        """Find every text equally unlikely."""
        return np.tile([-1.0, 1.0, 0.0], (len(rows), 1))

    def to_json(self, answers: Any, index: int, rows: Rows, target: Target) -> Any:
        """Give the perplexity of a text, or the text itself."""
        answer = answers[index]
        return answer if isinstance(answer, str) else round(float(answer), 6)


def sum_items(statistics: Array, encoded: Encoded, n_rows: int) -> Array:
    """Add up what was read of the items of every row, (rows, 3)."""
    summed = np.zeros((n_rows, 3))
    np.add.at(summed, encoded.rows, np.asarray(statistics).reshape(-1, 3))
    return summed
