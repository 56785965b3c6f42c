"""From a finished run and some rows to what their words added to its answers.

`chosen.py` has the rows; `explaining/` explains them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Names, Overrides, checked
from luthier.errors import DataError
from luthier.explain_run.chosen import Chosen, Note, Source
from luthier.explain_run.pages import page_at, write_page
from luthier.explaining.explain import (
    DEFAULT,
    GOLD,
    PREDICTED,
    Explanations,
    answer_rows,
    explain_rows,
    known_label,
    make_explainer,
    refuse_no_own_words,
)
from luthier.prediction.predictor import Predictor
from luthier.reading import without_answers
from luthier.runs.portable import open_trained

AT_ONCE = 32  # rows that are answered together
MOST = 10_000  # rows that are explained without being asked twice
TIMED = 3  # rows that are explained to tell how long all of them take


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
    context_only: bool = False,
    neighbours: Count | None = None,
    influence: Count | None = None,
    out: str | Path | None = None,
    many: bool = False,
    on_row: Callable[[Explanations], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_reading: Callable[[int, int], None] | None = None,
    on_answering: Callable[[int, int], None] | None = None,
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
        errors: So many mistakes on the test rows, those first of which the model was most sure: an
            answer, or an entity that is missed or wrong.
        by: The explainer: `integrated-gradients`, `occlusion` …
        target: What is explained: `predicted`, `gold`, or a label.
        context_only: Whether an entity's or an answer's own words are hidden throughout, so that
            what stands around them speaks alone.
        neighbours: How many of the nearest training rows to list.
        influence: How many training rows to list that helped a decision most, and how many that
            spoke most against it.
        out: A page to write, an `.html` file: words are shaded there, with their numbers.
        many: Whether to explain more than 10,000 rows, however long that takes.
        on_row: Is given the explanations of each row, once it is explained.
        on_progress: Is told how many rows are explained, and how many there are.
        on_reading: Is told how many training rows are read, and how many there are, where these are
            asked for.
        on_answering: Is told how many test rows are answered, and how many there are, where
            mistakes are looked for and the run does not say how sure its model was.
        on_note: Called with a note of rows without words, which have no explanation, and of
            answers that cannot be read.

    Returns:
        For each row or mistake, its explained decisions: one for a label, a number or a mistake;
        else as many as there are labels, entities or written tokens.

    Raises:
        RunError: There is no run in that folder, it did not finish, or its rows are not at hand.
        DataError: There are no such rows; a text has no words; there is no such label.
        RecipeError: There is no such explainer, or an override is not about reading files.
        ModelError: The model has no gradients, and the explainer needs them.

    Example:
        for explained in luthier.explain("runs/recipe", errors=20):
            print(explained[0].predicted, explained[0].gold, explained[0].ranked()[:3])
    """
    source = Source(data, texts, rows, errors, pair)
    source.refuse_others(run)
    make_explainer(by)
    place = None if out is None else page_at(out)
    folder = open_trained(run)
    predictor = Predictor(folder, overrides)
    asked = Asked(by, target, context_only, neighbours or 0, influence or 0)
    asked.refuse_unknown(predictor)
    chosen = source.choose(predictor, folder, run, on_note, on_answering)
    asked.refuse_no_gold(chosen)
    if len(chosen.rows) > MOST and not many:
        refuse_many(predictor, chosen, asked)
    if asked.training_rows:
        predictor.evidence(on_reading)
    explained: list[Explanations] = []
    try:
        for one in explain_each(predictor, chosen, asked, on_note):
            explained.append(one)
            if on_row is not None:
                on_row(one)
            if on_progress is not None:
                on_progress(len(explained), len(chosen.rows))
    finally:  # who stops it has what was explained so far
        if place is not None and explained:
            left = len(chosen.rows) - len(explained)
            notes = [f"Stopped: {left:,} more rows were asked for."] if left else []
            write_page(place, explained, title=Path(run).resolve().name, target=target, notes=notes)
    return explained


@dataclass(frozen=True)
class Asked:
    """What is asked of each row.

    Args:
        by: Name of the explainer.
        target: `predicted`, `gold`, or a label.
        context_only: Whether an answer's own words are hidden.
        neighbours: How many of the nearest training rows to list.
        influence: How many training rows of most influence to list, each way.
    """

    by: str
    target: str
    context_only: bool = False
    neighbours: int = 0
    influence: int = 0

    @property
    def training_rows(self) -> dict[str, int]:
        """How many training rows of each sort are asked for; none if none are."""
        asked = {"neighbours": self.neighbours, "influence": self.influence}
        return asked if any(asked.values()) else {}

    def refuse_unknown(self, predictor: Predictor) -> None:
        """Refuse a label that the task lacks, and to hide words that answers do not have.

        Raises:
            DataError: One of these was asked for.
        """
        if self.target not in (PREDICTED, GOLD):
            known_label(self.target, predictor.codec)
        if self.context_only:
            refuse_no_own_words(predictor.codec)

    def refuse_no_gold(self, chosen: Chosen) -> None:
        """Refuse to explain gold answers of rows without them.

        Raises:
            DataError: That was asked for.
        """
        if self.target == GOLD and not chosen.is_labelled:
            raise DataError(
                "There are no gold answers to explain.",
                received=f"--target {GOLD}, for rows without answers",
                hint=f"--target {PREDICTED}",
            )


def explain_each(
    predictor: Predictor, chosen: Chosen, asked: Asked, on_note: Note | None = None
) -> Iterator[Explanations]:
    """Explain rows in their order; few are held in memory at once.

    Args:
        predictor: The run's model.
        chosen: The rows.
        asked: What is asked of each.
        on_note: Called with a note of rows without words; those that were typed are refused.
    """
    task, codec = predictor.task, predictor.codec
    batch_size = predictor.recipe.training.per_device_eval_batch_size
    told = on_note or (lambda note: None)
    for start in range(0, len(chosen.rows), AT_ONCE):
        part = chosen.part(start, start + AT_ONCE)
        gold = codec.gold(part.rows) if part.is_labelled else None
        bare = without_answers(part.rows, task)
        answered = answer_rows(predictor.model, codec, bare, batch_size=batch_size, gold=gold)
        steps = explain_rows(
            answered,
            by=asked.by,
            target=asked.target,
            context_only=asked.context_only,
            mistakes=part.mistakes,
            on_unread=None if part.is_typed else told,
        )
        if asked.training_rows:
            steps = predictor.evidence().add(steps, answered, **asked.training_rows)
        yield from steps


def refuse_many(predictor: Predictor, chosen: Chosen, asked: Asked) -> None:
    """Refuse to explain very many rows, and say how long it would take.

    Raises:
        DataError: Always.
    """
    n_rows, begun = len(chosen.rows), time.monotonic()
    some = Asked(asked.by, asked.target, asked.context_only)
    n_explained = sum(len(one) for one in explain_each(predictor, chosen.part(0, TIMED), some))
    minutes = (time.monotonic() - begun) / TIMED * n_rows / 60
    raise DataError(
        f"This would be about {max(n_explained, 1) * n_rows // TIMED:,} explanations, and take "
        f"about {max(1, round(minutes)):,} minutes.",
        received=f"{n_rows:,} rows",
        hint="--yes to explain them all, or a file of fewer rows",
    )
