"""From a finished run and some rows to what their words added to its answers. See `explaining/`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Names, Overrides, checked
from luthier.data.join_rows import joined
from luthier.declarations import Panel
from luthier.errors import DataError, RunError
from luthier.explaining.chosen_rows import mistaken, parse_places, rows_at
from luthier.explaining.explain import (
    DEFAULT,
    GOLD,
    PREDICTED,
    Explanations,
    answer_rows,
    explain_rows,
    known_label,
    make_explainer,
)
from luthier.load_splits import read_labelled
from luthier.prediction.given_rows import rows_of
from luthier.prediction.predictor import Predictor
from luthier.reading import normalized, without_answers
from luthier.records import Rows
from luthier.report.explanations import page
from luthier.report.render import write_report
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder, plain
from luthier.runs.files import telling_of_disk, write_whole
from luthier.runs.portable import open_trained

AT_ONCE = 32  # rows that are answered together
MOST = 10_000  # rows that are explained without being asked twice
PAGES = (".html", ".htm")
TIMED = 3  # rows that are explained to tell how long all of them take

Progress = Callable[[int, int], None]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Chosen:
    """Rows to explain.

    Args:
        rows: The rows, as the task reads them; with their answers, if `is_labelled`.
        is_labelled: Whether they have answers.
        is_typed: Whether somebody typed them, and expects an error for one without words.
    """

    rows: Rows
    is_labelled: bool = False
    is_typed: bool = False


@checked
def explain(
    run: str | Path,
    data: Any = None,
    overrides: Overrides = (),
    *,
    texts: Any = None,
    pair: Any = None,
    rows: Names = (),
    errors: Count | None = None,
    by: str = DEFAULT,
    target: str = PREDICTED,
    neighbours: Count | None = None,
    influence: Count | None = None,
    out: str | Path | None = None,
    many: bool = False,
    on_row: Callable[[Explanations], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_reading: Callable[[int, int], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[Explanations]:
    """Say which words spoke for a model's answers and against them; see docs/explain.md.

    What is explained is one of `data`, `texts`, `rows` and `errors`.

    Args:
        run: The folder of the run.
        data: A data file, or rows in memory: a pandas frame, `datasets` or records.
        overrides: How the file is read, where that differs from the recipe:
            `data.columns.text=review`.
        texts: A text, a list of texts, or a mapping of the task's columns to texts.
        pair: Second texts, for tasks that read two.
        rows: Rows of the run, numbered as in `predictions.jsonl`: `test:17,42`, `train:0-9`.
        errors: So many test rows that the model got wrong, those first of which it was most sure.
        by: The explainer: `integrated-gradients`, `occlusion` …
        target: What is explained: `predicted`, `gold`, or a label.
        neighbours: How many of the nearest training rows to list.
        influence: How many training rows to list that helped a decision most, and how many that
            spoke most against it.
        out: A page to write, an `.html` file: words are shaded there, with their numbers.
        many: Whether to explain more than 10,000 rows, however long that takes.
        on_row: Is given the explanations of each row, once it is explained.
        on_progress: Is told how many rows are explained, and how many there are.
        on_reading: Is told how many training rows are read, and how many there are, where these are
            asked for.
        on_note: Is told of rows without words, which have no explanation, and of answers that
            cannot be read.

    Returns:
        For each row, its explained decisions: one for a label or a number; for other tasks as many
        as there are labels, entities or written tokens.

    Raises:
        RunError: There is no run in that folder, it did not finish, or its rows are not at hand.
        DataError: There are no such rows; a text has no words; there is no such label.
        RecipeError: There is no such explainer, or an override is not about reading files.
        ModelError: The model has no gradients, and the explainer needs them.

    Example:
        for explained in luthier.explain("runs/recipe", errors=20):
            print(explained[0].predicted, explained[0].gold, explained[0].ranked()[:3])
    """
    refuse_other_sources(run, data=data, texts=texts, rows=rows, errors=errors)
    make_explainer(by)
    place = None if out is None else page_at(out)
    places = parse_places(rows)
    folder = open_trained(run)
    predictor = Predictor(folder, overrides)
    if target not in (PREDICTED, GOLD):
        known_label(target, predictor.codec)
    if data is not None:
        chosen = of_data(predictor, data, on_note)
    elif texts is not None:
        chosen = of_texts(predictor, texts, pair, run)
    else:
        chosen = of_run(predictor, of_a_run(folder, rows, errors), places, errors)
    if target == GOLD and not chosen.is_labelled:
        raise DataError(
            "There are no gold answers to explain.",
            received=f"--target {GOLD}, for rows without answers",
            hint=f"--target {PREDICTED}",
        )
    if len(chosen.rows) > MOST and not many:
        refuse_many(predictor, chosen, by=by, target=target)
    also = {"neighbours": neighbours or 0, "influence": influence or 0}
    if any(also.values()):
        predictor.evidence(on_reading)
    explained: list[Explanations] = []
    try:
        steps = explain_each(predictor, chosen, by, target, on_note, **also)
        for done, one in enumerate(steps, start=1):
            explained.append(one)
            if on_row is not None:
                on_row(one)
            if on_progress is not None:
                on_progress(done, len(chosen.rows))
    finally:  # who stops it has what was explained so far
        if place is not None and explained:
            left = len(chosen.rows) - len(explained)
            notes = [f"Stopped: {left:,} more rows were asked for."] if left else []
            write_page(place, explained, title=Path(run).resolve().name, target=target, notes=notes)
    return explained


def explain_each(
    predictor: Predictor,
    chosen: Chosen,
    by: str,
    target: str,
    on_note: Note | None = None,
    **training_rows: int,
) -> Iterator[Explanations]:
    """Explain rows in their order; few are held in memory at once.

    Args:
        predictor: The run's model.
        chosen: The rows.
        by: Name of the explainer.
        target: `predicted`, `gold`, or a label.
        on_note: Is told of rows without words; those that were typed are refused.
        training_rows: How many `neighbours` and rows of most `influence` to list, if any.
    """
    task, codec = predictor.task, predictor.codec
    batch_size = predictor.recipe.training.per_device_eval_batch_size
    told = on_note or (lambda note: None)
    for start in range(0, len(chosen.rows), AT_ONCE):
        part = chosen.rows.take(range(start, min(start + AT_ONCE, len(chosen.rows))))
        gold = codec.gold(part) if chosen.is_labelled else None
        bare = without_answers(part, task)
        answered = answer_rows(predictor.model, codec, bare, batch_size=batch_size, gold=gold)
        on_unread = None if chosen.is_typed else told
        steps = explain_rows(answered, by=by, target=target, on_unread=on_unread)
        if any(training_rows.values()):
            steps = predictor.evidence().add(steps, answered, **training_rows)
        yield from steps


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
    predictor: Predictor, folder: RunFolder, places: list[tuple[str, int]], errors: int | None
) -> Chosen:
    """Take rows of the run: those at places, or its most confident mistakes."""
    splits = rows_of_run(folder, folder.recipe(), predictor.task)
    if errors is not None:
        lines = folder.read_predictions()
        found = mistaken(lines, predictor.codec, splits.test, errors)
        places = [("test", row) for row in found]
    return Chosen(joined(rows_at(splits, places)), is_labelled=True)


def refuse_other_sources(run: str | Path, **given: Any) -> None:
    """Refuse to explain nothing, or rows of several sources at once.

    Raises:
        DataError: That was asked for.
    """
    asked = {name: one for name, one in given.items() if one is not None and one != ()}
    if len(asked) == 1:
        return
    options = {
        "texts": '"some text"',
        "data": f"--file {asked.get('data')}",
        "rows": f"--rows {' --rows '.join(asked.get('rows', ()))}",
        "errors": f"--errors {asked.get('errors')}",
    }
    only = next((options[name] for name in reversed(options) if name in asked), options["texts"])
    raise DataError(
        "What is explained is a text, or the rows of a file, or rows of the run.",
        received=" and ".join(options[name] for name in asked) or "none of these",
        hint=f"luthier explain {run} {only}",
    )


def refuse_many(predictor: Predictor, chosen: Chosen, *, by: str, target: str) -> None:
    """Refuse to explain very many rows, and say how long it would take.

    Raises:
        DataError: Always.
    """
    n_rows = len(chosen.rows)
    some = Chosen(chosen.rows.take(range(TIMED)), chosen.is_labelled)
    begun = time.monotonic()
    n_explained = sum(len(one) for one in explain_each(predictor, some, by, target))
    minutes = (time.monotonic() - begun) / TIMED * n_rows / 60
    raise DataError(
        f"This would be about {max(n_explained, 1) * n_rows // TIMED:,} explanations, and take "
        f"about {max(1, round(minutes)):,} minutes.",
        received=f"{n_rows:,} rows",
        hint="--yes to explain them all, or a file of fewer rows",
    )


def page_at(out: str | Path) -> Path:
    """Return the path of a page, if one can be written there.

    Raises:
        DataError: It has another suffix, is a folder, or stands in a folder that is not there.
    """
    path = Path(out)
    if path.suffix.lower() not in PAGES:
        raise DataError(
            "Explanations are written as a page of HTML.",
            received=f"--out {out}",
            hint=f"--out {path.with_suffix('.html')}; or --json, to a file of your choice",
        )
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise DataError(
            f"The page cannot be written: it {why}.",
            received=f"--out {out}",
            hint=f"--out {path.name if not path.is_dir() else 'page.html'}",
        )
    return path


def write_page(path: Path, explained: Sequence[Explanations], **about: Any) -> None:
    """Write explained rows as a page.

    Args:
        path: The page.
        explained: The rows.
        about: What `report.explanations.page` says of them.

    Raises:
        DataError: The file cannot be written.
    """
    html = page([plain(one.to_json()) for one in explained], **about)
    try:
        write_whole(path, [html])
    except OSError as problem:
        raise DataError(
            "The page cannot be written.",
            received=f"{path}: {problem.strerror}",
            hint="--out a path that you may write to",
        ) from problem


def keep(run: RunFolder, panels: Sequence[Panel]) -> Path:
    """Keep panels in a finished run, in place of those of the same kind and heading.

    Its report is rewritten.

    Args:
        run: The run.
        panels: What it has to show: the words that matter, or what a check of explanations found.

    Returns:
        The path of the report.

    Raises:
        RunError: The run did not finish, is damaged, or is being written by another process.
    """
    run.lock.take()
    try:
        with telling_of_disk(run.path):
            run.require_finished().add_panels(panels)
            return write_report(run.path)
    finally:
        run.lock.release()
