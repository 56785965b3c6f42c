"""The rows that somebody asks about: typed texts, a file, rows of the run, or its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.data.join_rows import joined
from luthier.errors import DataError, RunError
from luthier.explaining.chosen_rows import as_kept, mistaken, parse_places, rows_at
from luthier.prediction.given_rows import rows_of
from luthier.prediction.predictor import Predictor
from luthier.reading import normalized, without_answers
from luthier.records import Predictions, Rows, StepInfo
from luthier.results import Mistake
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.sources.labelled import read_labelled
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows

Note = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Chosen:
    """Rows to explain.

    Args:
        rows: The rows, as the task reads them; with their answers, if `is_labelled`.
        is_labelled: Whether they have answers.
        is_typed: Whether somebody typed them, and expects an error for one without words.
        mistakes: What was wrong in each of them, where that alone is explained.
    """

    rows: Rows
    is_labelled: bool = False
    is_typed: bool = False
    mistakes: Sequence[Mistake] = ()

    def part(self, start: int, stop: int) -> Chosen:
        """Keep the rows from `start` to before `stop`."""
        rows = self.rows.take(range(start, min(stop, len(self.rows))))
        return Chosen(rows, self.is_labelled, self.is_typed, self.mistakes[start:stop])


@dataclass(frozen=True)
class Source:
    """What is asked about: one of these.

    Args:
        data: A data file, or rows in memory.
        texts: Texts that somebody typed.
        rows: Places of rows of the run.
        errors: How many mistakes on the test rows.
        pair: Second texts, beside `texts`.
    """

    data: Any = None
    texts: Any = None
    rows: Sequence[str] = ()
    errors: int | None = None
    pair: Any = None

    def refuse_others(self, run: str | Path) -> None:
        """Refuse to explain nothing, rows of several sources at once, or what is no place.

        Raises:
            DataError: That was asked for.
        """
        given = {name: getattr(self, name) for name in ("data", "texts", "rows", "errors")}
        asked = {name: one for name, one in given.items() if one is not None and one != ()}
        if len(asked) == 1:
            parse_places(self.rows)
            return
        options = {
            "texts": '"some text"',
            "data": f"--file {self.data}",
            "rows": f"--rows {' --rows '.join(self.rows)}",
            "errors": f"--errors {self.errors}",
        }
        only = next((options[one] for one in reversed(options) if one in asked), options["texts"])
        raise DataError(
            "What is explained is a text, or the rows of a file, or rows of the run.",
            received=" and ".join(options[name] for name in asked) or "none of these",
            hint=f"luthier explain {run} {only}",
        )

    def choose(
        self,
        predictor: Predictor,
        folder: object,
        run: str | Path,
        on_note: Note | None,
        on_answering: Progress | None,
    ) -> Chosen:
        """Read or make the rows.

        Args:
            predictor: The run's model.
            folder: The run's folder, or that of its model alone.
            run: The folder as it was given.
            on_note: Called with a note of answers that cannot be read.
            on_answering: Is told how many test rows are answered, where mistakes are looked for.

        Raises:
            RunError: Rows of the run are not at hand.
            DataError: There are no such rows, or texts are missing.
        """
        if self.data is not None:
            return of_data(predictor, self.data, on_note)
        if self.texts is not None:
            return of_texts(predictor, self.texts, self.pair, run)
        return of_run(predictor, of_a_run(folder, self.rows, self.errors), self, on_answering)


def of_texts(predictor: Predictor, texts: Any, pair: Any, run: str | Path) -> Chosen:
    """Make rows of texts that somebody typed.

    Raises:
        DataError: The task reads two texts and one is given, or the other way round.
    """
    recipe, task = predictor.recipe, predictor.task
    given, roles = [texts] if pair is None else [texts, pair], task.input_roles
    if len(given) != len(roles) and not isinstance(texts, Mapping):
        second = "" if len(roles) == 1 else f' --pair "{roles[1]}"'
        raise DataError(
            f"The task {task.name} reads {' and '.join(roles)}.",
            received=f"{roles[0]} alone" if pair is None else "a second text",
            hint=f'luthier explain {run} "{roles[0]}"{second}',
        )
    rows = without_answers(rows_of(given, {}, task)[1], task)
    return Chosen(normalized(rows, recipe, task)[0], is_typed=True)


def of_data(predictor: Predictor, data: object, on_note: Note | None) -> Chosen:
    """Read a file, or rows in memory, with their answers where every row has one."""
    recipe, task = predictor.recipe, predictor.task
    rows = predictor.read(data)
    bare = Chosen(normalized(without_answers(rows, task), recipe, task)[0])
    named = [recipe.data.columns.get(role, role) for role in task.answer_columns]
    names = {name for one in named for name in ([one] if isinstance(one, str) else one)}
    if not any(name in rows for name in names):
        return bare
    labelled, _, _ = read_labelled(data, recipe, task)
    if len(labelled) < len(rows):
        why = f"{len(rows) - len(labelled):,} of them have none"
    else:
        try:
            predictor.codec.gold(labelled)
            return Chosen(labelled, is_labelled=True)
        except DataError as problem:
            why = problem.problem
    if on_note is not None:
        on_note(f"the answers of the rows are not read: {why}")
    return bare


def of_a_run(folder: object, rows: Sequence[str], errors: int | None) -> RunFolder:
    """Return the folder of a run, whose rows are asked for.

    Raises:
        RunError: It is that of a model alone.
    """
    if isinstance(folder, RunFolder):
        return folder
    asked = f"--errors {errors}" if errors is not None else f"--rows {' --rows '.join(rows)}"
    raise RunError(
        "This is a model without its run, and so without its rows.",
        received=asked,
        hint="the folder of the run, or --file FILE",
    )


def of_run(
    predictor: Predictor, folder: RunFolder, asked: Source, on_answering: Progress | None
) -> Chosen:
    """Take rows of the run: those at places, or its most confident mistakes."""
    splits = rows_of_run(folder, folder.recipe(), predictor.task)
    if asked.errors is None:
        return Chosen(joined(rows_at(splits, parse_places(asked.rows))), is_labelled=True)

    def answered() -> Predictions:
        kept = as_kept(folder.read_predictions(), predictor.codec, splits.test)
        return kept or predicted(predictor, splits.test, on_answering)

    found = mistaken(predictor.codec, splits.test, answered, asked.errors)
    rows = splits.test.take([one.row for one in found])
    return Chosen(rows, is_labelled=True, mistakes=found)


def predicted(predictor: Predictor, rows: Rows, on_progress: Progress | None) -> Predictions:
    """Answer rows again, as a run did that kept no probabilities."""
    codec, settings = predictor.codec, predictor.recipe.training
    steps = infer_rows(
        predictor.model,
        codec.encode(rows),
        rows,
        codec,
        batch_size=settings.per_device_eval_batch_size,
    )

    def tell(info: StepInfo) -> None:
        if on_progress is not None:
            on_progress(len(rows) * info.step // info.n_steps, len(rows))

    return codec.decode(follow(steps, tell))
