"""The contract of a codec: a task bound to its target and, where rows are encoded, a processor.

The main path, predictors, teachers and exporters hold a codec and never take it apart. A task makes
it (`Task.codec` in `protocols.py`); `task_types/defaults.py` has what most codecs share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from luthier.columns import Limits
from luthier.declarations import JSON
from luthier.explanation import Decision, Words
from luthier.items import Batch, Items
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.records import Gold, Measure, Outputs, Predictions, Rows, Target
from luthier.results import Mistake

LOSS = "loss"  # the kind of batch that training uses; others are kinds of inference


class Codec(Protocol):
    """A task bound to its target and processor: rows to batches, outputs to answers and scores.

    The one object that the main path, predictors, teachers and exporters hold.
    """

    task: Any  # a `Task` of `protocols.py`
    target: Target
    processor: Any
    limits: Limits | None
    seed: int

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode rows; targets are None where the rows have no answers."""
        ...

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Make one batch of NumPy arrays, for the loss or for a kind of inference."""
        ...

    def gold(self, rows: Rows) -> Gold:
        """Read the gold answers, row by row.

        Raises:
            DataError: An answer is unknown or of the wrong kind.
        """
        ...

    def objective(self, gold: Gold, *, label_smoothing: float) -> Objective:
        """Choose the loss, given the training rows' gold answers."""
        ...

    def generation(self) -> Mapping[str, Any] | None:
        """Return the settings of `model.generate`; None for tasks that generate nothing."""
        ...

    def head(self) -> Mapping[str, Any] | None:
        """Return the settings of a head that Transformers lacks; None for its own."""
        ...

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Return the kinds of inference for the verdict or, if `answering`, for new rows."""
        ...

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Combine what was inferred for items, one entry per kind, into outputs per row."""
        ...

    def tuned(self, outputs: Outputs, gold: Gold) -> Codec:
        """Tune decoding (thresholds) on validation rows; return a new codec."""
        ...

    def decode(self, outputs: Outputs) -> Predictions:
        """Decode outputs into predictions."""
        ...

    def decisions(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """List what was decided for a row, each of which can be explained.

        Args:
            inferred: What was inferred for the items, by kind.
            predictions: The answers made of it, or gold answers in their place.
            index: The row.
            items: The encoded rows.
            rows: The rows.
            label: The label to explain; None: what was answered.
        """
        ...

    def mistakes(
        self, gold: Gold, predictions: Predictions, rows: Rows
    ) -> Sequence[Mistake] | None:
        """List what was wrong, that first of which the model was most sure.

        Of numbers and of written texts, all are listed, those first that are farthest off.

        Returns:
            None where answers are not right or wrong.
        """
        ...

    def decisions_of_mistake(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        mistake: Mistake,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """List what was decided where an answer was wrong: the arguments are as of `decisions`.

        Args:
            inferred: What was inferred for the items, by kind.
            predictions: The answers made of it, or gold answers in their place.
            mistake: One of `mistakes`.
            index: Its row among these.
            items: The encoded rows.
            rows: The rows.
            label: The label to explain there; None: what was answered.
        """
        ...

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of an item, and the tokens of each."""
        ...

    def measure(self, gold: Gold, predictions: Predictions) -> Measure:
        """Return a function from row weights, for the bootstrap, to all metrics.

        Without probabilities, those that need them are left out.
        """
        ...

    def validation_scores(self, outputs: Outputs, gold: Gold) -> dict[str, float]:
        """Score validation rows during training, from outputs of `task.validation_kind`."""
        ...

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Return the outputs of a system that has learned nothing."""
        ...

    def by_label(
        self, gold: Gold, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Prepare precision, recall, F1 and support of every label, (4, names); None: no labels."""
        ...

    def error_analysis(self, gold: Gold, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Analyse answers on the test rows, for `analysis.json` and the report."""
        ...

    def to_json(self, answers: Gold, index: int, rows: Rows) -> Any:
        """Write one answer (predicted or gold) as JSON."""
        ...

    def extra_json(self, predictions: Predictions, index: int) -> dict[str, Any]:
        """Return what a run keeps of one prediction beside its answer."""
        ...

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read predictions from `answer`, as `to_json` wrote it, and the fields of `extra_json`."""
        ...

    def answer(self, predictions: Predictions, index: int, rows: Rows, **options: Any) -> Any:
        """Return one row's answer in the format of `transformers.pipeline`."""
        ...

    def to_columns(self, answer: JSON) -> dict[str, Any]:
        """Return such an answer as columns of a table, `prediction` first."""
        ...
