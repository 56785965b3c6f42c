"""What an exported model is tried out on: the run's own test rows, and how long each row takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.errors import ModelError
from luthier.evaluation.judge import judge
from luthier.exporters.merged import first_lines, gap, otherwise, rows_of
from luthier.items import Batch
from luthier.prediction import Predictor
from luthier.ragged import Array, Ragged
from luthier.records import Predictions
from luthier.results import Comparison, Score
from luthier.runs import RunFolder

MOST_ROWS = 1000  # tried out
TIMED = 40  # items whose time is taken, one by one
BATCH = 32
ALIKE = 1e-3  # of the largest output: float32 adds up in another order


@dataclass(frozen=True)
class Verification:
    """What was found out about an exported model, beside the run's own.

    Args:
        format: What it was exported to.
        rows: Test rows of the run that both answered.
        alike: How many got the same answer; None of numbers, which are never quite the same.
        difference: The largest of any two outputs.
        megabytes: `torch` and the format to the size of the weights on disk.
        milliseconds: The same to the median time for one row, in batches of one.
        timed: Over how many rows.
        text: What is to be said of a signature for strings; None: nothing.
        scores: The same to metric to score; empty where the answers are the same.
        comparison: The exported model against the run's own, where they may differ.
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
        """Say how alike the two are."""
        differ = f"outputs differ by at most {self.difference:.1e}"
        if self.alike is None:
            return f"On {self.rows:,} test rows {differ}"
        return f"{self.alike:,} of {self.rows:,} test rows are answered alike; {differ}"


class Trial:
    """The kept test rows of a run, as its model in PyTorch answers them.

    Args:
        predictor: Of the run.
        run: Its folder.

    Raises:
        ModelError: The task asks for more than one pass of the model.
    """

    def __init__(self, predictor: Predictor, run: RunFolder):
        from luthier.keras_engine import answers

        self.predictor, self.answers = predictor, answers
        self.codec = predictor.codec
        (self.kind, *others) = self.codec.inference_kinds()
        if others or self.kind not in answers.READ:
            raise ModelError(
                "What writes texts or weighs choices cannot be exported to TensorFlow.",
                received=f"a run of {self.codec.task.name}",
                hint="--to checkpoint",
            )
        self.rows = rows_of(first_lines(run, MOST_ROWS))
        self.encoded = predictor.codec.encode(self.rows)
        self.size = sum(file.stat().st_size for file in run.model.glob("*.safetensors")) / 1e6
        self.torch = answers.by_torch(predictor.model)
        self.before = self.read(self.torch)

    def read(self, answer: Any) -> Array | Ragged:
        """Read all rows."""
        return self.answers.read(answer, self.encoded, self.codec, kind=self.kind, batch_size=BATCH)

    def decoded(self, read: Array | Ragged) -> Predictions:
        """Turn what was read into answers."""
        return self.codec.decode(self.codec.outputs({self.kind: read}, self.encoded, self.rows))

    def batch(self, items: list[int]) -> Batch:
        """Make a batch of items."""
        return self.codec.batch(self.encoded, np.array(items), kind=self.kind)

    def inputs(self, known: Any) -> list[str]:
        """Name the arguments that both the tokenizer gives and the twin takes."""
        given = self.batch([0])
        return [name for name in known if name in given.inputs]

    def judge(
        self, answer: Any, name: str, *, size: float, exact: bool, text: str | None
    ) -> Verification:
        """Try out an exported model.

        Args:
            answer: The model.
            name: What to call it.
            size: Of it, in megabytes.
            exact: Whether it must answer as the run's model does; otherwise both are scored.
            text: What is to be said of its signature for strings.

        Raises:
            ModelError: It must, and does not.
        """
        after = self.read(answer)
        difference = gap(self.before, after)
        said = {name: self.decoded(after), "torch": self.decoded(self.before)}
        alike = self.alike(*said.values())
        if exact:
            self.refuse_unlike(alike, difference)
        batches = [self.batch([item]) for item in range(min(TIMED, len(self.encoded)))]
        systems = {name: answer, "torch": self.torch}
        scores, comparison = ({}, None) if exact else self.scored(said, name)
        return Verification(
            format=name,
            rows=len(self.rows),
            alike=alike,
            difference=difference,
            megabytes={name: size, "torch": self.size},
            milliseconds=self.answers.milliseconds(systems, batches),
            timed=len(batches),
            text=text,
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
        """Raise where answers are not those of the run's model."""
        if alike is not None and alike < len(self.rows):
            raise otherwise(f"{len(self.rows) - alike} of {len(self.rows)} rows answered otherwise")
        values = self.before.values if isinstance(self.before, Ragged) else self.before
        if not difference <= ALIKE * max(1.0, float(np.abs(values).max(initial=0.0))):
            raise otherwise(f"outputs differ by {difference:.1e}")

    def scored(
        self, said: Mapping[str, Predictions], name: str
    ) -> tuple[dict[str, dict[str, Score]], Comparison]:
        """Score both by the rows' true answers: what is lost?"""
        predictor = self.predictor
        scores, (comparison,) = judge(
            self.codec,
            self.codec.gold(self.rows),
            said,
            n_resamples=predictor.recipe.evaluation.n_resamples,
            confidence=predictor.recipe.evaluation.confidence,
            seed=predictor.recipe.training.seed,
            system=name,
        )
        return scores, comparison


def megabytes(folder: Path) -> float:
    """Add up the files below a folder, in millions of bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
