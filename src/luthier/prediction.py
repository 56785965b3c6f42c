"""Answers from a finished run: for texts, for files, and scored on new labelled data.

`luthier.load(folder)` reads the run; calling what it gives answers in the shape of
`transformers.pipeline`.
"""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, TextIO

from luthier.codec import Codec
from luthier.columns import Limits
from luthier.data.readers.read import read, read_and_check
from luthier.declarations import JSON
from luthier.errors import DataError, RecipeError
from luthier.load_splits import normalized, read_labelled, refuse_errors, require_roles
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, Predictions, Rows
from luthier.results import Comparison, Score
from luthier.runs import RunFolder
from luthier.runs.portable import ModelFolder, open_trained
from luthier.runs.result import refuse_other_labels
from luthier.spreadsheets import flat, inert
from luthier.surrogates import without_surrogates
from luthier.task_types.bind import codec_of
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows

READING = (  # fields of a recipe that say how files are read
    *("data.columns.", "data.format", "data.delimiter", "data.quoting", "data.header"),
    *("data.encoding", "data.ignore_findings"),
)
CHUNK = 1024  # rows answered together: what is held in memory does not grow with the file


def load(folder: str | Path, overrides: Sequence[str] = ()) -> Predictor:
    """Load a trained model, ready to predict.

    Args:
        folder: A finished run, a checkpoint that `luthier export` wrote, or a run's `model/` alone.
        overrides: How files are read, where that differs from the run's recipe:
            `data.columns.text=review`, `data.delimiter=;`.

    Raises:
        RunError: There is none of these, or the run did not finish.
        RecipeError: An override is none, or is about something else than how files are read.
    """
    return Predictor(open_trained(folder), overrides)


class Predictor:
    """A run's model with all that it needs to predict.

    Args:
        folder: The finished run, or the folder of a model that stands alone.
        overrides: How files are read, where that differs from the run's recipe.
    """

    def __init__(self, folder: RunFolder | ModelFolder, overrides: Sequence[str] = ()):
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
                list of either. More arguments are lists for the task's further columns.
            options: A column by its name (`question="…"`), or an option of the task's answers:
                `top_k`, `aggregation_strategy` …

        Returns:
            One answer for one text, a list of answers for a list.

        Raises:
            DataError: A text is missing, or given where the task has none.
        """
        named = {role: options.pop(role) for role in self.task.input_roles if role in options}
        single, rows = rows_of(texts, named, self.task)
        answers = list(self.answers(rows, **options))
        if not single:
            return answers
        is_bare_text = bool(texts) and isinstance(texts[0], str)
        is_listed = is_bare_text and self.task.wraps_single and not isinstance(answers[0], list)
        return answers if is_listed else answers[0]

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
            adapted, _ = normalized(without_answers(chunk, self.task), self.recipe, self.task)
            require_roles(adapted, self.task.input_roles)
            predictions = self.codec.decode(self.outputs(adapted, answering=True))
            for index in range(len(chunk)):
                yield self.codec.answer(predictions, index, adapted, **options)
            if on_progress is not None:
                on_progress(start + len(chunk), len(rows))

    def read(self, source: object) -> Rows:
        """Read a file with the recipe's columns, or the task's own; answers may be absent."""
        data = self.recipe.data
        answer = self.task.answer_role
        rows, _, misread = read_and_check(source, **data.form)
        refuse_errors(misread, data.ignore_findings)
        columns = {
            role: name
            for role, name in data.columns.items()
            if role != answer
            and (
                role not in rows
                or {*([name] if isinstance(name, str) else name)} <= {*rows.columns}
            )
        }
        rows = self.task.gather(read(rows, columns=columns)[0])
        require_roles(
            self.task.normalize(without_answers(rows, self.task))[0], self.task.input_roles
        )
        return rows

    def predict_file(
        self,
        source: object,
        out: str | Path,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        **options: JSON,
    ) -> int:
        """Answer a file, row by row and in order, into a `.csv`, `.tsv` or `.jsonl` file.

        Returns:
            The number of rows written: as many as were read.
        """
        rows = self.read(source)
        path = Path(out)
        writers = {".csv": ",", ".tsv": "\t", ".jsonl": None}
        if path.suffix.lower() not in writers:
            raise DataError(
                "Predictions are written as .csv, .tsv or .jsonl.",
                received=str(out),
                hint=f"--out {path.with_suffix('.csv')}",
            )
        answers = self.answers(rows, on_progress=on_progress, **options)
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                delimiter = writers[path.suffix.lower()]
                if delimiter is None:
                    write_json_lines(file, rows, answers)
                else:
                    cells = (self.codec.to_columns(answer) for answer in answers)
                    write_table(file, rows, cells, delimiter=delimiter)
        except OSError as problem:
            raise DataError(
                "The file for the predictions cannot be written.",
                received=f"{path}: {problem.strerror}",
                hint="--out a path that you may write to",
            ) from problem
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
        made.model = ROUNDED[precision](self.model)
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

        rows, _, found = read_labelled(source, self.recipe, self.task)
        refuse_errors(found, self.recipe.data.ignore_findings)
        scores, comparisons = judge(
            self.codec,
            self.codec.gold(rows),
            {name: one.predict(rows) for name, one in systems.items()},
            system=system,
            **resampling(self.recipe),
        )
        return len(rows), scores, comparisons


def with_reading(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """Change how a recipe reads files.

    Raises:
        RecipeError: An override is none, or is about something else.
    """
    for override in overrides:
        field = override.partition("=")[0]
        if "=" not in override or not field.startswith(READING):
            raise RecipeError(
                "Only how files are read can be changed once a model is trained.",
                received=override,
                hint=f"fields that begin with {', '.join(READING)}: data.columns.text=COLUMN",
            )
    return read_recipe(recipe, overrides) if overrides else recipe


def write_json_lines(file: TextIO, rows: Rows, answers: Iterable[Any]) -> None:
    """Write each row as a JSON object with its answer beside the file's own columns."""
    for index, answer in enumerate(answers):
        line = {name: values[index] for name, values in rows.columns.items()}
        line["prediction"] = answer
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def write_table(
    file: TextIO, rows: Rows, answers: Iterable[Mapping[str, Any]], *, delimiter: str
) -> None:
    """Write rows as a table: the file's columns, then what the task lays out of its answers."""
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    for index, answer in enumerate(answers):
        if index == 0:
            table.writerow([inert(name) for name in [*rows.columns, *answer]])
        given = [values[index] for values in rows.columns.values()]
        table.writerow([inert(cell) for cell in [*map(flat, given), *map(flat, answer.values())]])


def rows_of(given: Sequence[Any], named: Mapping[str, Any], task: Task) -> tuple[bool, Rows]:
    """Make rows of the arguments of a call; the first value is whether it was a single row.

    Raises:
        DataError: What was given does not fit the task's columns.
    """
    columns = {**dict(zip(task.input_roles, given, strict=False)), **named}
    if len(given) > len(task.input_roles):
        raise wrong_texts(task, f"{len(given)} arguments")
    first: Any = next(iter(columns.values()), None)
    if len(columns) == 1 and not isinstance(first, str):
        single = isinstance(first, Mapping)
        listed = [first] if single else list(first or ())
        if listed and any(isinstance(one, Mapping) for one in listed):
            if not all(isinstance(one, Mapping) and set(one) == set(listed[0]) for one in listed):
                raise wrong_texts(task, "texts of different columns")
            columns = {role: [one[role] for one in listed] for role in listed[0]}
            return single, checked_rows(columns, task)
    single = all(isinstance(value, str) for value in columns.values())
    if single:
        columns = {role: [value] for role, value in columns.items()}
    lengths = {len(value) for value in columns.values() if not isinstance(value, str)}
    if len(lengths) > 1:
        raise wrong_texts(task, "columns of different lengths")
    n_rows = next(iter(lengths), 1)
    made = {
        role: [value] * n_rows if isinstance(value, str) else list(value)
        for role, value in columns.items()
    }
    return single, checked_rows(made, task)


def checked_rows(columns: Mapping[str, Sequence[Any]], task: Task) -> Rows:
    """Make rows, if the task can read them."""
    if not columns or set(columns) - set(task.input_roles) - set(task.alternative_columns):
        raise wrong_texts(task, ", ".join(columns) or "nothing")
    rows = Rows.of(
        {role: without_surrogates(list(cells)) for role, cells in columns.items()}, name="texts"
    )
    adapted, _ = task.normalize(rows)
    missing = [role for role in task.input_roles if role not in adapted]
    if missing:
        raise wrong_texts(task, ", ".join(columns))
    return rows


def wrong_texts(task: Task, received: str) -> DataError:
    """Make the error that says what the task reads."""
    roles = " and ".join(task.input_roles)
    example = ", ".join(f'"{role}": "…"' for role in task.input_roles)
    return DataError(
        f"The task {task.name} reads {roles}.", received=received, hint=f"give {{{example}}}"
    )


def without_answers(rows: Rows, task: Task) -> Rows:
    """Drop the gold answers, so that nothing can read them."""
    answers = task.answer_columns
    kept = {name: values for name, values in rows.columns.items() if name not in answers}
    return Rows(kept, rows.files, rows.file_of, rows.lines)


def known_options(codec: Codec) -> list[str]:
    """Name the options of a task's answers."""
    return [
        name
        for name, parameter in signature(codec.answer).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    ]


def refuse_unknown_options(options: Mapping[str, Any], codec: Codec) -> None:
    """Refuse an option that the task's answers do not have."""
    known = known_options(codec)
    for name in options:
        if name not in known:
            raise DataError(
                f"Answers of {codec.task.name} know no option '{name}'.",
                received=f"{name}={options[name]}",
                hint=f"one of: {', '.join(known)}" if known else "leave it out",
            )
