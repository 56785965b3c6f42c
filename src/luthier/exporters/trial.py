"""Tries an exported model out on the run's own test rows, and measures its time for a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np

from luthier.answerers import BATCH, OF_LABELS, Answerer, batch_of, infer_items
from luthier.codec import Codec
from luthier.errors import ModelError
from luthier.evaluation.judge import judge
from luthier.exporters.exported import Exported, TorchModel, milliseconds
from luthier.exporters.merged import differs, gap, rows_of
from luthier.items import Batch
from luthier.media.places import MEDIA
from luthier.onnx_models.token_rules import ids_in
from luthier.prediction.predictor import Predictor
from luthier.ragged import Array, Ragged
from luthier.records import Predictions, Rows
from luthier.results import Comparison, Score
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder

MOST_ROWS = 2000  # that are tried out
MOST_WRITTEN = 200  # where the model writes
TIPPED = 500  # rows of which one may be written differently: two tokens may be as good
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
        known: Kinds of inference that models of the format are read for.

    Raises:
        ModelError: The task needs another kind.
    """

    def __init__(self, predictor: Predictor, run: RunFolder, known: Collection[str] = OF_LABELS):
        self.predictor, self.codec = predictor, predictor.codec
        self.kinds = kinds_of(self.codec)
        if not set(self.kinds) <= set(known):
            raise ModelError(
                "This format is for models that judge texts or their words.",
                received=f"a run of {predictor.task.name}",
                hint="--to onnx, or --to checkpoint",
            )
        self.writes = "generate" in self.kinds
        self.rows = tried_rows(run, predictor, MOST_WRITTEN if self.writes else MOST_ROWS)
        self.items = self.codec.encode(self.rows)
        self.torch = TorchModel(predictor.model, run.model.glob("*.safetensors"))
        self.before = self.infer(self.torch)

    def infer(self, answerer: Answerer) -> dict[str, Array | Ragged]:
        """Run a model over all rows; see `infer_items`."""
        return {kind: infer_items(answerer, self.codec, self.items, kind) for kind in self.kinds}

    def decoded(self, inferred: Mapping[str, Array | Ragged]) -> Predictions:
        """Turn the outputs of a model into predictions."""
        judged = {kind: inferred[kind] for kind in self.codec.inference_kinds()}
        predictions: Predictions = self.codec.decode(
            self.codec.outputs(judged, self.items, self.rows)
        )
        return predictions

    def batch(self, items: Sequence[int] | Array) -> Batch[Array]:
        """Make a batch of items."""
        return batch_of(self.codec, self.items, items, self.kinds[0])

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
        difference = max(gap(self.before[kind], after[kind]) for kind in self.computed)
        predictions = {name: self.decoded(after), "torch": self.decoded(self.before)}
        alike = self.alike_written(after) if self.writes else self.alike(*predictions.values())
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
            milliseconds=milliseconds(systems, batches, self.kinds[0]),
            timed=len(batches),
            text=exported.note,
            scores=scores,
            comparison=comparison,
        )

    @property
    def computed(self) -> list[str]:
        """The kinds of numbers: what is written has no differences."""
        return [kind for kind in self.kinds if kind != "generate"]

    def alike_written(self, after: Mapping[str, Array | Ragged]) -> int:
        """Count the rows for which the same tokens were written."""
        settings = self.predictor.model.generation_config
        ours, theirs = (written_of(one["generate"], settings) for one in (self.before, after))
        is_alike = [one == other for one, other in zip(ours, theirs, strict=True)]
        first = np.flatnonzero(np.diff(self.items.rows, prepend=-1))  # of a row's windows
        return sum(is_alike[item] for item in first)

    def alike(self, some: Predictions, others: Predictions) -> int | None:
        """Count the rows with the same answer."""
        if self.codec.target.kind in ("number", "language"):
            return None
        rows = range(len(self.rows))
        return sum(np.array_equal(some.answers[row], others.answers[row]) for row in rows)

    def refuse_unlike(self, alike: int | None, difference: float) -> None:
        """Raise if answers are not those of the run's model."""
        tipped = len(self.rows) // TIPPED if self.writes else 0
        if alike is not None and alike < len(self.rows) - tipped:
            raise differs(
                f"{len(self.rows) - alike} of {len(self.rows)} rows are answered differently"
            )
        before = (self.before[kind] for kind in self.computed)
        values = [one.values if isinstance(one, Ragged) else one for one in before]
        largest = max(float(np.abs(one).max(initial=1.0)) for one in values)
        if not difference <= ALIKE * largest:
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


def kinds_of(codec: Codec) -> list[str]:
    """Name what is inferred for the verdict, for new rows and on validation rows, in this order.

    What fills masks is left out: it is read from the logits that likelihoods are read from.
    """
    kinds = [*codec.inference_kinds(answering=True), *codec.inference_kinds()]
    asked = dict.fromkeys([*kinds, codec.task.validation_kind])
    return [kind for kind in asked if kind != "fill-mask"]


def written_of(written: Any, settings: Any) -> list[list[int]]:
    """List the tokens that were written for each item, without what fills the rest of a batch.

    Args:
        written: Token ids, (items, tokens).
        settings: The model's `generation_config`.
    """
    ends, found = ids_in(settings.eos_token_id), []
    for item in range(len(written)):
        ids = list(takewhile(lambda one: one not in ends, written[item].tolist()))
        while ids and ids[-1] == settings.pad_token_id:
            ids.pop()
        found.append(ids)
    return found


def tried_rows(run: RunFolder, predictor: Predictor, most: int) -> Rows:
    """Take test rows of a run; it keeps no images and sounds, which are read from their files."""
    lines = spread_lines(run, most)
    if not any(one.kind in MEDIA for one in predictor.task.columns):
        return rows_of(lines)
    test = rows_of_run(run, predictor.recipe, predictor.task).test
    return test.take([int(line["index"]) for line in lines])


def spread_lines(run: RunFolder, most: int) -> list[Mapping[str, Any]]:
    """Read test rows of a run, spread evenly over all: files may be sorted by their labels."""
    n_lines = sum(1 for _ in run.read_predictions())
    chosen = {round(place) for place in np.linspace(0, n_lines - 1, min(most, n_lines))}
    return [line for number, line in enumerate(run.read_predictions()) if number in chosen]
