"""Tries an exported model out on the run's own test rows, and measures its time for a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.answerers import BATCH, OUTPUTS, Answerer, batch_of, infer_items
from luthier.errors import ModelError
from luthier.evaluation.judge import judge
from luthier.exporters.exported import Exported, TorchModel, milliseconds
from luthier.exporters.merged import differs, gap, rows_of
from luthier.items import Batch
from luthier.prediction.predictor import Predictor
from luthier.ragged import Array, Ragged
from luthier.records import Predictions
from luthier.results import Comparison, Score
from luthier.runs import RunFolder

MOST_ROWS = 2000  # that are tried out
TIMED = 40  # items that are timed, one by one
ALIKE = 1e-3  # of the largest output: float32 sums in another order


@dataclass(frozen=True)
class Verification:
    """An exported model compared with the run's own.

    Args:
        format: Name of the format.
        rows: Number of the run's test rows that both models answered.
        alike: Number of rows with the same answer; None for numbers, which are never quite equal.
        difference: Largest difference of any two outputs.
        megabytes: Size of the weights on disk, of `torch` and of the format.
        milliseconds: Median time for one row in a batch of its own, of both likewise.
        timed: Number of rows that were timed.
        text: Remark about the signature for strings; None means there is nothing to say.
        scores: Scores by metric, of both likewise; empty if the answers have to be the same.
        comparison: The exported model against the run's own, if answers may differ.
    """

    format: str
    rows: int
    alike: int | None
    difference: float
    megabytes: Mapping[str, float]
    milliseconds: Mapping[str, float]
    timed: int
    text: str | None
    scores: Mapping[str, Mapping[str, Score]]
    comparison: Comparison | None

    @property
    def words(self) -> str:
        """Say in a sentence how far the two agree."""
        differ = f"outputs differ by at most {self.difference:.1e}"
        if self.alike is None:
            return f"On {self.rows:,} test rows {differ}"
        return f"{self.alike:,} of {self.rows:,} test rows are answered alike; {differ}"


class Trial:
    """The test rows that a run kept, and the outputs of its PyTorch model on them.

    Args:
        predictor: Predictor of the run.
        run: Folder of the run.

    Raises:
        ModelError: The task takes more than one pass of the model.
    """

    def __init__(self, predictor: Predictor, run: RunFolder):
        self.predictor, self.codec = predictor, predictor.codec
        (self.kind, *others) = self.codec.inference_kinds()
        if others or self.kind not in OUTPUTS:
            raise ModelError(
                "A model that writes texts or weighs choices can be exported as a checkpoint only.",
                received=f"a run of {predictor.task.name}",
                hint="--to checkpoint",
            )
        self.rows = rows_of(spread_lines(run, MOST_ROWS))
        self.items = self.codec.encode(self.rows)
        self.torch = TorchModel(predictor.model, run.model.glob("*.safetensors"))
        self.before = self.infer(self.torch)

    def infer(self, answerer: Answerer) -> Array | Ragged:
        """Run a model over all rows; see `infer_items`."""
        return infer_items(answerer, self.codec, self.items, self.kind)

    def decoded(self, inferred: Array | Ragged) -> Predictions:
        """Turn the outputs of a model into predictions."""
        outputs = self.codec.outputs({self.kind: inferred}, self.items, self.rows)
        predictions: Predictions = self.codec.decode(outputs)
        return predictions

    def batch(self, items: Sequence[int] | Array) -> Batch[Array]:
        """Make a batch of items."""
        return batch_of(self.codec, self.items, items, self.kind)

    def inputs(self, known: Iterable[str]) -> list[str]:
        """Select the model arguments that the run's batches have."""
        given = self.batch([0])
        return [name for name in known if name in given.inputs]

    def judge(self, exported: Exported, name: str, *, exact: bool) -> Verification:
        """Try an exported model out.

        Args:
            exported: The model.
            name: Name of the format.
            exact: Whether the answers have to be the run's own; otherwise both are scored.

        Raises:
            ModelError: They have to be, and are not.
        """
        after = self.infer(exported)
        difference = gap(self.before, after)
        predictions = {name: self.decoded(after), "torch": self.decoded(self.before)}
        alike = self.alike(*predictions.values())
        if exact:
            self.refuse_unlike(alike, difference)
        self.refuse_unlike_texts(exported)
        batches = [self.batch([item]) for item in range(min(TIMED, len(self.items)))]
        systems: dict[str, Answerer] = {name: exported, "torch": self.torch}
        scores, comparison = ({}, None) if exact else self.scored(predictions, name)
        return Verification(
            format=name,
            rows=len(self.rows),
            alike=alike,
            difference=difference,
            megabytes={system: one.n_bytes / 1e6 for system, one in systems.items()},
            milliseconds=milliseconds(systems, batches),
            timed=len(batches),
            text=exported.note,
            scores=scores,
            comparison=comparison,
        )

    def alike(self, some: Predictions, others: Predictions) -> int | None:
        """Count the rows with the same answer."""
        if self.codec.target.kind == "number":
            return None
        rows = range(len(self.rows))
        return sum(np.array_equal(some.answers[row], others.answers[row]) for row in rows)

    def refuse_unlike(self, alike: int | None, difference: float) -> None:
        """Raise if answers are not those of the run's model."""
        if alike is not None and alike < len(self.rows):
            raise differs(
                f"{len(self.rows) - alike} of {len(self.rows)} rows are answered differently"
            )
        values = self.before.values if isinstance(self.before, Ragged) else self.before
        if not difference <= ALIKE * max(1.0, float(np.abs(values).max(initial=0.0))):
            raise differs(f"outputs differ by {difference:.1e}")

    def refuse_unlike_texts(self, exported: Exported) -> None:
        """Raise if a model that takes strings answers them differently than the run's model."""
        if exported.answer_texts is None:
            return
        roles, texts = self.predictor.task.input_roles, self.predictor.task.texts(self.rows)
        wanted = self.decoded(self.before)
        expected = wanted.answers if wanted.probabilities is None else wanted.probabilities
        for start in range(0, len(self.rows), BATCH):
            part = slice(start, start + BATCH)
            columns = {role: one[part] for role, one in zip(roles, texts, strict=True)}
            answers = exported.answer_texts(columns)
            difference = gap(answers.get("probabilities", answers.get("scores")), expected[part])
            if not difference <= ALIKE * max(1.0, float(np.abs(expected).max())):
                raise differs(f"probabilities of texts differ by {difference:.1e}")

    def scored(
        self, predictions: Mapping[str, Predictions], name: str
    ) -> tuple[dict[str, dict[str, Score]], Comparison]:
        """Score both models by the rows' gold answers, and compare them."""
        predictor = self.predictor
        scores, (comparison,) = judge(
            self.codec,
            self.codec.gold(self.rows),
            predictions,
            n_resamples=predictor.recipe.evaluation.n_resamples,
            confidence=predictor.recipe.evaluation.confidence,
            seed=predictor.recipe.training.seed,
            system=name,
        )
        return scores, comparison


def spread_lines(run: RunFolder, most: int) -> list[Mapping[str, Any]]:
    """Read test rows of a run, spread evenly over all: files may be sorted by their labels."""
    n_lines = sum(1 for _ in run.read_predictions())
    chosen = {round(place) for place in np.linspace(0, n_lines - 1, min(most, n_lines))}
    return [line for number, line in enumerate(run.read_predictions()) if number in chosen]
