"""Answers from a finished run: for texts, for files, and scored on new labelled data.

`luthier.load(folder)` reads the run; calling what it gives answers in the shape of
`transformers.pipeline`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from luthier.data.read import read
from luthier.errors import DataError
from luthier.evaluation.judge import judge
from luthier.preparation import make_plugin, require_roles, text_roles, with_label
from luthier.records import Outputs, Predictions, Rows, Score
from luthier.runs import RunFolder
from luthier.text.tokenize import token_limit
from luthier.training.predict import predict_quietly

CHUNK = 1024  # rows answered together: what is held in memory does not grow with the file
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet run a cell


def load(folder: str | Path) -> Predictor:
    """Read a finished run, ready to answer.

    Raises:
        RunError: There is no run there, or it did not finish.
    """
    return Predictor(RunFolder.open(folder).require_finished())


class Predictor:
    """A run's model with all that it needs to answer.

    Args:
        folder: The finished run.
    """

    def __init__(self, folder: RunFolder):
        self.recipe = folder.recipe()
        self.task = make_plugin("tasks", self.recipe.task)
        self.target = folder.target()
        self.model, self.tokenizer = make_plugin("methods", self.recipe.method).load(folder.model)
        self.max_tokens = token_limit(
            self.tokenizer, self.model.config, asked=self.recipe.data.max_tokens
        )

    def __call__(
        self,
        texts: str | Mapping[str, str] | Sequence[str | Mapping[str, str]],
        text_pair: str | Sequence[str] | None = None,
        *,
        top_k: int | None = 1,
    ) -> Any:
        """Answer texts, in the shape of `transformers.pipeline`.

        Args:
            texts: A text, a list of them, or `{"text": …, "text_pair": …}` mappings.
            text_pair: The second text of each, for tasks that judge pairs.
            top_k: How many labels to give; None: all, with their scores.

        Returns:
            One answer for one text, a list of answers for a list.

        Raises:
            DataError: A second text is missing, or given where the task has none.
        """
        single = isinstance(texts, (str, Mapping))
        rows = self.rows_of(
            [texts] if single else texts,  # type: ignore[list-item, arg-type]
            [text_pair] if isinstance(text_pair, str) else text_pair,
        )
        answers = list(self.answers(rows, top_k=top_k))
        return answers[0] if single else answers

    def rows_of(
        self, texts: Sequence[str | Mapping[str, str]], pairs: Sequence[str] | None
    ) -> Rows:
        """Make rows of texts given in Python."""
        roles = text_roles(self.task)
        cells: list[Mapping[str, str]] = []
        for index, text in enumerate(texts):
            cell = dict(text) if isinstance(text, Mapping) else {roles[0]: text}
            if pairs is not None and index < len(pairs):
                cell["text_pair"] = pairs[index]
            if set(cell) != set(roles):
                raise DataError(
                    f"The task {self.task.name} reads {' and '.join(roles)}.",
                    received=f"{', '.join(cell)} in text {index + 1}",
                    hint="; ".join(f"give {role}" for role in roles if role not in cell)
                    or "leave the others out",
                )
            cells.append(cell)
        return Rows.of({role: [cell[role] for cell in cells] for role in roles}, name="texts")

    def predict(self, rows: Rows) -> Predictions:
        """Answer rows; labels, where they have any, are not looked at."""
        return self.task.decode(self.outputs(rows), self.target)

    def outputs(self, rows: Rows) -> Outputs:
        """Run the model over rows that are tokenized together, (rows, outputs)."""
        unlabelled = Rows(
            {role: rows[role] for role in text_roles(self.task)},
            rows.files,
            rows.file_of,
            rows.lines,
        )
        encoded = self.task.encode(
            unlabelled,
            tokenizer=self.tokenizer,
            target=self.target,
            max_tokens=self.max_tokens,
        )
        outputs = predict_quietly(
            self.model,
            encoded,
            lambda batch, indices: self.task.collate(batch, indices, tokenizer=self.tokenizer),
            batch_size=self.recipe.training.per_device_eval_batch_size,
        )
        return outputs.reshape(-1, self.target.n_outputs)

    def answers(
        self,
        rows: Rows,
        *,
        top_k: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Any]:
        """Answer rows in their order, a chunk at a time."""
        for start in range(0, len(rows), CHUNK):
            chunk = rows.take(range(start, min(start + CHUNK, len(rows))))
            predictions = self.predict(chunk)
            for index in range(len(chunk)):
                yield self.task.answer(predictions, index, self.target, top_k=top_k)
            if on_progress is not None:
                on_progress(start + len(chunk), len(rows))

    def read(self, source: Any) -> Rows:
        """Read a file with the recipe's columns; the label's may be absent."""
        data = self.recipe.data
        roles = set(text_roles(self.task))
        columns = {role: name for role, name in data.columns.items() if role in roles}
        rows, _ = read(source, columns=columns, encoding=data.encoding, delimiter=data.delimiter)
        require_roles(rows, sorted(roles))
        return rows

    def predict_file(
        self,
        source: Any,
        out: str | Path,
        *,
        top_k: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Answer a file, row by row and in order, into a `.csv`, `.tsv` or `.jsonl` file.

        Returns:
            How many rows were written: as many as were read.
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
        answers = self.answers(rows, top_k=top_k, on_progress=on_progress)
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                delimiter = writers[path.suffix.lower()]
                if delimiter is None:
                    write_json_lines(file, rows, answers)
                else:
                    is_number = self.target.kind == "number"
                    write_table(file, rows, answers, delimiter=delimiter, is_number=is_number)
        except OSError as problem:
            raise DataError(
                "The file for the predictions cannot be written.",
                received=f"{path}: {problem.strerror}",
                hint="--out a path that you may write to",
            ) from problem
        return len(rows)

    def evaluate(self, source: Any) -> tuple[int, dict[str, Score]]:
        """Score the model on new labelled rows.

        Returns:
            The number of rows scored, and metric to score with its interval.
        """
        data = self.recipe.data
        rows, _ = read(
            source, columns=data.columns, encoding=data.encoding, delimiter=data.delimiter
        )
        require_roles(rows, [column.role for column in self.task.columns])
        rows, _ = with_label(rows, self.task)
        gold = self.task.gold(rows, self.target)
        scores, _ = judge(
            self.task,
            self.target,
            gold,
            {"fine-tuned": self.predict(rows)},
            n_resamples=self.recipe.evaluation.n_resamples,
            confidence=self.recipe.evaluation.confidence,
            seed=self.recipe.training.seed,
        )
        return len(rows), scores["fine-tuned"]


def write_json_lines(file: TextIO, rows: Rows, answers: Iterable[Any]) -> None:
    """Write each row as a JSON object with its answer beside the file's own columns."""
    for index, answer in enumerate(answers):
        line = {name: values[index] for name, values in rows.columns.items()}
        line["prediction"] = answer
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def write_table(
    file: TextIO, rows: Rows, answers: Iterable[Any], *, delimiter: str, is_number: bool
) -> None:
    """Write rows as a table: the file's columns, then the labels given and their scores.

    Several labels of one row stand in one cell, separated by `|`; a number has no score.
    """
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    added = ["prediction"] if is_number else ["prediction", "score"]
    table.writerow([inert(name) for name in [*rows.columns, *added]])
    for index, answer in enumerate(answers):
        given = answer if isinstance(answer, list) else [answer]
        scores = "|".join(f"{item['score']:.6g}" for item in given)
        labels = "|".join(item["label"] for item in given)
        cells = [inert(values[index]) for values in rows.columns.values()]
        table.writerow([*cells, scores] if is_number else [*cells, inert(labels), scores])


def inert(cell: Any) -> Any:
    """Keep a spreadsheet from running a text as a formula.

    >>> inert("=1+1"), inert("a=b"), inert(-1.5)
    ("'=1+1", 'a=b', -1.5)
    """
    is_formula = isinstance(cell, str) and cell.startswith(FORMULA)
    return f"'{cell}" if is_formula else cell
