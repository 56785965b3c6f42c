"""Answers from a finished run: for texts, for files, and scored on new labelled data.

`luthier.load(folder)` reads the run; calling what it gives answers in the shape of
`transformers.pipeline`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.arguments import Overrides, Share, checked
from luthier.codec import Codec
from luthier.columns import Limits
from luthier.data.readers.frames import is_table
from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.onnx_models.description import is_onnx
from luthier.prediction.given_rows import rows_of
from luthier.prediction.options import known_options, refuse_unknown_options, with_reading
from luthier.prediction.write_answers import write_answers
from luthier.protocols import Task
from luthier.reading import normalized, read_inputs, refuse_errors, require_roles, without_answers
from luthier.recipe.checks import make_plugin
from luthier.records import Outputs, Predictions, Rows
from luthier.rejecting.held import Held, held_to, in_place_of
from luthier.rejection import DISTANCE
from luthier.results import Comparison, Score
from luthier.runs import RunFolder
from luthier.runs.portable import ModelFolder, open_alone, open_trained
from luthier.runs.result import refuse_other_labels
from luthier.task_types.bind import codec_of

if TYPE_CHECKING:
    from luthier.explaining.with_training_rows import Evidence

CHUNK = 1024  # rows answered together: what is held in memory does not grow with the file


@checked
def load(
    folder: str | Path,
    overrides: Overrides = (),
    *,
    min_precision: Share | None = None,
    backend: str = "auto",
) -> Predictor:
    """Load a trained model, ready to predict.

    Args:
        folder: A finished run, a checkpoint or a graph of ONNX that `luthier export` wrote, or a
            run's `model/` alone; or what `luthier folds --ensemble` made.
        overrides: How files are read, where that differs from the run's recipe:
            `data.columns.text=review`, `data.delimiter=;`.
        min_precision: The share of answers that are to be right, at least, by the lower end of its
            interval on the validation rows; what is not sure enough is answered "unsure". For runs
            with `evaluation.reject`.
        backend: What computes the answers: `torch` of a run, `onnx` or `openvino` of an export;
            `auto` takes what the folder is for.

    Raises:
        RunError: There is none of these, or the run did not finish; the backend has nothing to read
            there; its validation rows cannot show such a precision.
        RecipeError: An override is none, or is about something else than how files are read.
    """
    made = _open(folder, overrides, backend)
    rejection, has_vectors = made.target.rejection, made.backend == "torch"
    made.held = held_to(rejection, min_precision, has_vectors=has_vectors)
    return made


def _open(folder: str | Path, overrides: Overrides, backend: str) -> Predictor:
    from luthier.prediction.ensemble import Ensemble, is_ensemble  # made of predictors

    if is_ensemble(folder):
        return Ensemble(RunFolder.open(folder).require_finished(), overrides)
    if is_onnx(folder):
        from luthier.prediction.exported import OnnxPredictor

        if backend == "torch":
            raise RunError(
                "An export is a graph, which PyTorch does not read.",
                received=f"{folder} by torch",
                hint="the run that it is from",
            )
        asked = None if backend == "auto" else backend
        return OnnxPredictor(open_alone(folder), overrides, backend=asked)
    if backend not in ("auto", "torch"):
        raise RunError(
            "This folder holds no graph.",
            received=f"{folder} by {backend}",
            hint=f"luthier export {folder} --to onnx --out FOLDER, and FOLDER in its place",
        )
    return Predictor(open_trained(folder), overrides)


class Predictor:
    """A run's model with all that it needs to predict.

    Args:
        folder: The finished run, or the folder of a model that stands alone.
        overrides: How files are read, where that differs from the run's recipe.
    """

    backend = "torch"  # what computes the answers
    held: Held | None = None  # when no label is answered

    def __init__(self, folder: RunFolder | ModelFolder, overrides: Sequence[str] = ()):
        self.folder = folder
        self._evidence: Evidence | None = None
        self.recipe = with_reading(folder.recipe(), overrides)
        task = make_plugin("tasks", self.recipe.task)
        self.model, processor = make_plugin("methods", self.recipe.method).load(folder.model)
        config = self.model.config
        refuse_other_labels(folder.model, folder.target(), config)
        self.codec: Codec = codec_of(self.recipe, task, folder.target(), processor, config)

    @property
    def limits(self) -> Limits:
        """How much of a row the model reads."""
        if self.codec.limits is None:
            raise ValueError("a predictor encodes rows")
        return self.codec.limits

    @property
    def target(self) -> Any:
        """What the run predicts: its labels, or the range of its numbers."""
        return self.codec.target

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer or, for other inputs than text, its processor."""
        return self.codec.processor

    @property
    def task(self) -> Task:
        """The run's task."""
        made: Task = self.codec.task
        return made

    def __call__(self, *texts: Any, **options: JSON) -> Any:
        """Answer texts, in the shape of `transformers.pipeline`.

        Args:
            texts: A text, a mapping of the task's columns (`{"question": …, "context": …}`), or a
                list of either; a pandas Series or an array is as good as a list. More arguments
                are lists for the task's further columns. Or a table, such as a pandas DataFrame,
                whose columns are named as in the run's recipe.
            options: A column by its name (`question="…"`), or an option of the task's answers:
                `top_k`, `aggregation_strategy` …

        Returns:
            One answer for one text, a list of answers for a list.

        Raises:
            DataError: A text is missing, or given where the task has none.
        """
        named = {role: options.pop(role) for role in self.task.input_roles if role in options}
        if len(texts) == 1 and not named and is_table(texts[0]):
            return list(self.answers(self.read(texts[0]), **options))
        single, rows = rows_of(texts, named, self.task)
        answers = list(self.answers(rows, **options))
        if not single:
            return answers
        is_bare_text = bool(texts) and isinstance(texts[0], str)
        is_listed = is_bare_text and self.task.wraps_single and not isinstance(answers[0], list)
        return answers if is_listed else answers[0]

    def explain(
        self,
        *texts: Any,
        by: str = "integrated-gradients",
        target: str = "predicted",
        context_only: bool = False,
        neighbours: int = 0,
        influence: int = 0,
        **named: Any,
    ) -> Any:
        """Say which words speak for an answer and against it; see docs/explain.md.

        Args:
            texts: As for a call.
            by: The explainer: `integrated-gradients`, `occlusion` …
            target: What is explained: `predicted`, or a label.
            context_only: Whether an entity's or an answer's own words are hidden throughout, so
                that what stands around them speaks alone.
            neighbours: How many of the nearest training rows to list.
            influence: How many training rows to list that helped the decision most, and how many
                that spoke most against it.
            named: A column by its name, as for a call.

        Returns:
            The explained decisions of one text, or a list of these for a list of texts. A text has
            as many as it has labels, entities or written tokens.

        Raises:
            DataError: A text is missing, or has no words; there is no such label.
            RecipeError: There is no such explainer.
            ModelError: The model has no gradients, and the explainer needs them.
            RunError: Training rows are asked for, and are not at hand.
        """
        from luthier.explaining.explain import answer_rows, explain_rows

        single, rows = rows_of(texts, named, self.task)
        adapted, _ = normalized(without_answers(rows, self.task), self.recipe, self.task)
        batch_size = self.recipe.training.per_device_eval_batch_size
        answered = answer_rows(self.model, self.codec, adapted, batch_size=batch_size)
        steps = explain_rows(answered, by=by, target=target, context_only=context_only)
        if neighbours or influence:
            asked = {"neighbours": neighbours, "influence": influence}
            steps = self.evidence().add(steps, answered, **asked)
        explained = list(steps)
        return explained[0] if single else explained

    def evidence(self, on_reading: Callable[[int, int], None] | None = None) -> Evidence:
        """Return the run's training rows as evidence; what the model makes of them is kept.

        Raises:
            RunError: There is no run beside the model, or its rows are not at hand.
        """
        if self._evidence is None:
            from luthier.prediction.evidence import evidence_of  # which reads the run's rows

            self._evidence = evidence_of(self, on_reading)
        return self._evidence

    def asked(self, **options: JSON) -> dict[str, Any]:
        """Return the options that are set and that this task's answers have."""
        known = known_options(self.codec)
        return {name: one for name, one in options.items() if one is not None and name in known}

    def predict(self, rows: Rows) -> Predictions:
        """Predict rows; their gold answers, if any, are not read."""
        predictions: Predictions = self.codec.decode(self.outputs(rows))
        return predictions

    def outputs(self, rows: Rows, *, answering: bool = False) -> Outputs:
        """Run the model over rows, for the verdict or, if `answering`, for new rows."""
        from luthier.training.listeners import follow
        from luthier.training.predict import (
            infer_rows,
        )  # PyTorch, which an exported model needs not

        steps = infer_rows(
            self.model,
            self.codec.encode(rows),
            rows,
            self.codec,
            batch_size=self.recipe.training.per_device_eval_batch_size,
            kinds=self.codec.inference_kinds(answering=answering),
        )
        return follow(steps, lambda info: None)

    def answers(
        self,
        rows: Rows,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        **options: JSON,
    ) -> Iterator[Any]:
        """Answer rows in their order, a chunk at a time."""
        refuse_unknown_options(options, self.codec)
        for start in range(0, len(rows), CHUNK):
            chunk = rows.take(range(start, min(start + CHUNK, len(rows))))
            predictions, adapted = self._predicted(chunk)
            said = self._instead(predictions, adapted)
            for index in range(len(chunk)):
                answer = self.codec.answer(predictions, index, adapted, **options)
                yield in_place_of(answer, said[index])
            if on_progress is not None:
                on_progress(start + len(chunk), len(rows))

    def answer_each(
        self, texts: Sequence[Any], options: Sequence[Mapping[str, JSON]]
    ) -> Iterator[Any]:
        """Answer texts together that have options of their own, as a server's requests have."""
        _, rows = rows_of((list(texts),), {}, self.task)
        for each in options:
            refuse_unknown_options(each, self.codec)
        predictions, adapted = self._predicted(rows)
        said = self._instead(predictions, adapted)
        for index, each in enumerate(options):
            yield in_place_of(self.codec.answer(predictions, index, adapted, **each), said[index])

    def _predicted(self, rows: Rows) -> tuple[Predictions, Rows]:
        """Predict new rows; return them as they were read too."""
        adapted, _ = normalized(without_answers(rows, self.task), self.recipe, self.task)
        require_roles(adapted, self.task.input_roles)
        return self.codec.decode(self.outputs(adapted, answering=True)), adapted

    def _instead(self, predictions: Predictions, rows: Rows) -> Sequence[str | None]:
        """Say what is answered in place of each row's label; None: the label itself."""
        if self.held is None:
            return [None] * len(rows)
        vectors = None
        if self.held.score == DISTANCE:
            from luthier.rejecting.vectors import vectors_of  # PyTorch
            from luthier.training.listeners import follow

            steps = vectors_of(
                self.model,
                self.codec,
                self.codec.encode(rows),
                batch_size=self.recipe.training.per_device_eval_batch_size,
                phase="vectors",
            )
            vectors = follow(steps, lambda info: None)
        return self.held.instead(predictions.outputs, vectors)

    def read(self, source: object) -> Rows:
        """Read a file with the recipe's columns, or the task's own; answers may be absent."""
        return read_inputs(source, self.recipe, self.task)

    def predict_file(
        self,
        source: object,
        out: str | Path,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        on_note: Callable[[str], None] | None = None,
        **options: JSON,
    ) -> int:
        """Answer a file, row by row and in order, into a `.csv`, `.tsv` or `.jsonl` file.

        Where the file has a column `prediction`, say, the answers are in `prediction_2`, and
        `on_note` is told.

        Returns:
            The number of rows written: as many as were read.
        """
        rows = self.read(source)
        answers = self.answers(rows, on_progress=on_progress, **options)
        write_answers(Path(out), rows, answers, self.codec.to_columns, on_note=on_note)
        return len(rows)

    def rounded(self, precision: str) -> Predictor:
        """Return a predictor in lower precision: faster on a CPU, and a little less exact.

        Args:
            precision: `bf16` or `int8`.

        Raises:
            ModelError: The model or this build of PyTorch does not support it.
        """
        from luthier.models.low_precision import ROUNDED

        made = copy.copy(self)
        made.model, made._evidence = ROUNDED[precision](self.model), None
        return made

    def evaluate(self, source: object) -> tuple[int, dict[str, Score]]:
        """Score the model on new labelled rows.

        Returns:
            The number of rows scored, and metric to score with its interval.
        """
        n_rows, scores, _ = self._judge(source, {"fine-tuned": self}, "fine-tuned")
        return n_rows, scores["fine-tuned"]

    def evaluate_rounded(
        self, source: object, precision: str
    ) -> tuple[int, dict[str, dict[str, Score]], Comparison]:
        """Score the model on new labelled rows in lower precision too, and compare the two.

        Args:
            source: The rows.
            precision: `bf16` or `int8`.

        Returns:
            The number of rows scored, precision (`float32` beside that asked for) to metric to
            score with its interval, and the one compared with the other on the same rows.
        """
        both = {precision: self.rounded(precision), "float32": self}
        n_rows, scores, (comparison,) = self._judge(source, both, precision)
        return n_rows, scores, comparison

    def _judge(
        self, source: object, systems: Mapping[str, Predictor], system: str
    ) -> tuple[int, dict[str, dict[str, Score]], tuple[Comparison, ...]]:
        from luthier.evaluation.judge import judge, resampling  # imports SciPy's statistics
        from luthier.sources.labelled import read_labelled  # which reads files of every format

        rows, _, found = read_labelled(source, self.recipe, self.task, audit=True)
        refuse_errors(found, self.recipe.data.ignore_findings)
        scores, comparisons = judge(
            self.codec,
            self.codec.gold(rows),
            {name: one.predict(rows) for name, one in systems.items()},
            system=system,
            **resampling(self.recipe),
        )
        return len(rows), scores, comparisons
